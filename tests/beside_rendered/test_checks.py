"""`manage.py check` names what is not wired."""

import logging
from unittest.mock import patch

from django.test import override_settings

from .. import checks
from .lines import LinesTestCase, MIDDLEWARE, captured, environ


def found() -> set[str | None]:
    return {message.id for message in checks.check_wiring()}


class WiringTests(LinesTestCase):
    def test_first_middleware_is_right_in_a_tuple_too(self) -> None:
        with captured(), override_settings(MIDDLEWARE=tuple(MIDDLEWARE)):
            self.assertEqual(found(), set())

    def test_logging_without_our_handler_is_named(self) -> None:
        with captured():
            self.assertNotIn("telemetry.W003", found())
            logging.getLogger().handlers = []
            self.assertIn("telemetry.W003", found())

    def test_switched_off_nothing_has_to_be_wired(self) -> None:
        with (
            environ(TELEMETRY_ENABLED="false"),
            override_settings(MIDDLEWARE=[]),
        ):
            self.assertEqual(found(), set())
