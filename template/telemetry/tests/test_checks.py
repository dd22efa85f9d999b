"""`manage.py check` names what is not wired."""

from django.test import override_settings

from ..checks import check_wiring
from .lines import MIDDLEWARE, LinesTestCase


class WiringTests(LinesTestCase):
    def test_missing_middleware_is_named_with_the_line_to_paste(self) -> None:
        with override_settings(MIDDLEWARE=MIDDLEWARE[1:]):
            found = {message.id: message for message in check_wiring()}
        self.assertIn(f'"{MIDDLEWARE[0]}",', str(found["telemetry.W001"].hint))

    def test_middleware_that_is_not_first_is_named(self) -> None:
        with override_settings(MIDDLEWARE=MIDDLEWARE[::-1]):
            self.assertIn("telemetry.W002", {message.id for message in check_wiring()})
        with override_settings(MIDDLEWARE=tuple(MIDDLEWARE)):
            self.assertNotIn(
                "telemetry.W002", {message.id for message in check_wiring()}
            )
