"""Reasons are taken from what is there, bounded, and never a value."""

import logging
from types import SimpleNamespace
from typing import Any

from django.test import SimpleTestCase

from ..internals.reasons import MAX_FIELDS, refusal_fields


class Coded(str):
    code = "invalid"


class ReasonTests(SimpleTestCase):
    def reason(self, data: Any) -> Any:
        return refusal_fields([], SimpleNamespace(exception=True, data=data))

    def test_record_without_a_reason(self) -> None:
        for name, args in (
            ("django.request", ("Not Found", "/")),
            ("django.security.csrf", ()),
            ("django.security.csrf", {"reason": "?"}),
        ):
            record = logging.makeLogRecord({"name": name, "args": args})
            self.assertEqual(refusal_fields([record], None), {})

    def test_response_without_a_reason(self) -> None:
        for response in (
            object(),
            SimpleNamespace(exception=False, data={"detail": Coded("x")}),
            SimpleNamespace(exception=ValueError()),
            SimpleNamespace(exception=True),
            SimpleNamespace(exception=True, data={"error": "a text of their own"}),
            SimpleNamespace(exception=True, data={1: object(), None: [None]}),
        ):
            self.assertEqual(refusal_fields([], response), {})

    def test_errors_of_a_body_are_bounded(self) -> None:
        nested: Any = [Coded("x")]
        for _ in range(100_000):
            nested = {"a": nested}
        many = {f"field_{number}": [Coded("x")] for number in range(1_000)}
        self.assertEqual(self.reason(nested), {})
        self.assertEqual(len(self.reason(many)["error.fields"]), MAX_FIELDS)
        self.assertEqual(self.reason({"k" * 1_000: Coded("x")})["error.fields"], {"?": "invalid"})
