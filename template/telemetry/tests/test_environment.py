"""A bad value is named, and the default is used in its place."""

import os

from ..checks import check_wiring
from ..internals.environment import load
from .lines import LinesTestCase

LEVELS = "DEBUG, INFO, WARNING, ERROR, CRITICAL"
PATHS = "paths from /, or prefixes ending in *"

# Variable, value, rule, what is used instead.
BAD_VALUES = [
    ("LOG_LEVEL", "LOUD", f"one of {LEVELS}", "INFO"),
    ("LOG_FORMAT", "xml", "one of json, pretty", "the default"),
    ("LOG_STREAM", "file", "one of stdout, stderr", "stdout"),
    ("TELEMETRY_ENABLED", "maybe", "true or false", "true"),
    ("TELEMETRY_TRUST_REQUEST_ID", "2", "true or false", "true"),
    ("TELEMETRY_EXCLUDED_PATHS", "healthz", PATHS, "the default"),
]


class EnvironmentTests(LinesTestCase):
    def test_empty_environment_has_the_defaults(self) -> None:
        environment = load({})
        self.assertTrue(environment.enabled)
        self.assertEqual(environment.log_level, "INFO")
        self.assertEqual(environment.log_format, "")
        self.assertEqual(environment.problems, ())

    def test_bad_values_are_named_and_replaced(self) -> None:
        for name, value, rule, used in BAD_VALUES:
            with self.subTest(name=name):
                problem = f"{name} must be {rule}; got {value!r}. Using {used}."
                self.assertEqual(load({name: value}).problems, (problem,))
                self.set_environ(**{name: value})
                self.assertIn(f"got {value!r}", check_wiring()[0].msg)
                del os.environ[name]
