"""Telemetry: structured logs, and one context for each unit of work."""
