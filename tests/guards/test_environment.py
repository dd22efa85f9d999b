"""A bad value is named, and the default is used in its place."""

from unittest.mock import patch

from django.test import SimpleTestCase

from ..checks import check_environment
from ..environment import load

LEVELS = "DEBUG, INFO, WARNING, ERROR, CRITICAL"

# Variable, value, rule, what is used instead.
BAD_VALUES = [
    ("LOG_LEVEL", "LOUD", f"one of {LEVELS}", "INFO"),
    ("LOG_FORMAT", "xml", "one of json, pretty", "json"),
    ("TELEMETRY_ENABLED", "maybe", "true or false", "true"),
    ("TELEMETRY_TRUST_REQUEST_ID", "2", "true or false", "true"),
    (
        "TELEMETRY_EXCLUDED_PATHS",
        "healthz",
        "paths from /, or prefixes ending in *",
        "nothing",
    ),
]


class EnvironmentTests(SimpleTestCase):
    def test_empty_environment_has_the_defaults(self) -> None:
        environment = load({})
        self.assertTrue(environment.enabled)
        self.assertEqual(environment.log_level, "INFO")
        self.assertEqual(environment.log_format, "json")
        self.assertTrue(environment.trust_request_id)
        self.assertEqual(environment.excluded_paths, ())
        self.assertEqual(environment.problems, ())

    def test_format_is_pretty_while_debugging(self) -> None:
        self.assertEqual(load({}, debug=True).log_format, "pretty")

    def test_values_are_read_in_any_case(self) -> None:
        environment = load(
            {
                "LOG_LEVEL": "debug",
                "LOG_FORMAT": "Pretty",
                "TELEMETRY_ENABLED": "OFF",
                "TELEMETRY_EXCLUDED_PATHS": "/healthz, /static/*",
            }
        )
        self.assertEqual(environment.log_level, "DEBUG")
        self.assertEqual(environment.log_format, "pretty")
        self.assertFalse(environment.enabled)
        expected = ("/healthz", "/static/*")
        self.assertEqual(environment.excluded_paths, expected)
        self.assertEqual(environment.problems, ())

    def test_short_names_of_levels_are_taken(self) -> None:
        self.assertEqual(load({"LOG_LEVEL": "WARN"}).log_level, "WARNING")
        self.assertEqual(load({"LOG_LEVEL": "fatal"}).log_level, "CRITICAL")

    def test_bad_values_are_named_and_replaced(self) -> None:
        for name, value, rule, used in BAD_VALUES:
            with self.subTest(name=name):
                got = f"got {value!r}. Using {used}."
                problem = f"{name} must be {rule}; {got}"
                self.assertEqual(load({name: value}).problems, (problem,))

    def test_bad_values_are_errors_of_the_system_check(self) -> None:
        for name, value, *_ in BAD_VALUES:
            with self.subTest(name=name), patch.dict("os.environ", {name: value}):
                messages = check_environment()
                self.assertIn(f"got '{value}'", messages[0].msg)
                self.assertTrue(messages[0].is_serious())
