"""A bad value is named, and the default is used in its place."""

from django.test import SimpleTestCase

from ..internals.environment import load


class EnvironmentTests(SimpleTestCase):
    def test_format_is_pretty_while_debugging(self) -> None:
        self.assertEqual(load({"LOG_FORMAT": "PRETTY"}).log_format, "pretty")

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
