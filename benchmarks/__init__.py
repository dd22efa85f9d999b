"""What telemetry costs, measured beside its peers in one run; see `__main__`."""
