"""Logfire's Django instrumentation, every span made and none sent."""

import logfire


def started() -> None:
    logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
    logfire.instrument_django()
