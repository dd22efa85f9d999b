"""`manage.py check` names what is not wired."""

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
