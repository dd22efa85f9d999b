"""One part a file: what is measured, beside whom, and what must be reached."""
