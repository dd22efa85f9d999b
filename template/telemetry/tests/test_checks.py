"""`manage.py check` names what is not wired."""

import logging
import os

from django.test import override_settings

from .. import checks
from .lines import MIDDLEWARE, LinesTestCase


class WiringTests(LinesTestCase):
    def test_missing_middleware_is_named_with_the_line_to_paste(self) -> None:
        with override_settings(MIDDLEWARE=MIDDLEWARE[1:]):
            [message] = checks.check_middleware()
        assert message.id == "telemetry.W001"
        assert f'"{MIDDLEWARE[0]}",' in str(message.hint)

    def test_middleware_that_is_not_first_is_named(self) -> None:
        with override_settings(MIDDLEWARE=MIDDLEWARE[::-1]):
            [message] = checks.check_middleware()
        assert message.id == "telemetry.W002"
        with override_settings(MIDDLEWARE=tuple(MIDDLEWARE)):
            assert checks.check_middleware() == []

    def test_logging_without_our_formatter_is_named(self) -> None:
        assert checks.check_logging() == []
        logging.root.handlers = []
        [message] = checks.check_logging()
        assert message.id == "telemetry.W003"

    def test_switched_off_nothing_has_to_be_wired(self) -> None:
        os.environ["TELEMETRY_ENABLED"] = "false"
        with override_settings(MIDDLEWARE=[]):
            assert checks.check_middleware() == []

    def test_requirements_are_installed(self) -> None:
        assert checks.check_requirements() == []
