"""`manage.py check` names what is not wired."""

import logging
from importlib.metadata import PackageNotFoundError
from unittest.mock import patch

from django.test import override_settings

from .. import checks
from .lines import MIDDLEWARE, LinesTestCase, captured


class WiringTests(LinesTestCase):
    def test_first_middleware_is_right_in_a_tuple_too(self) -> None:
        with override_settings(MIDDLEWARE=tuple(MIDDLEWARE)):
            self.assertEqual(checks.check_middleware(), [])

    def test_logging_without_our_handler_is_named(self) -> None:
        with captured():
            self.assertEqual(checks.check_logging(), [])
            logging.getLogger().handlers = []
            [message] = checks.check_logging()
        self.assertEqual(message.id, "telemetry.W003")

    def test_switched_off_nothing_has_to_be_wired(self) -> None:
        with (
            patch.dict("os.environ", TELEMETRY_ENABLED="false"),
            override_settings(MIDDLEWARE=[]),
        ):
            self.assertEqual(checks.check_middleware(), [])
            self.assertEqual(checks.check_logging(), [])

    def test_requirements_are_installed(self) -> None:
        self.assertEqual(checks.check_requirements(), [])

    def test_missing_requirement_is_named(self) -> None:
        with patch.object(checks, "version", side_effect=PackageNotFoundError):
            messages = checks.check_requirements()
        self.assertIn("structlog is required", messages[0].msg)
