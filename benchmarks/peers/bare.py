"""Django, and nothing else."""
