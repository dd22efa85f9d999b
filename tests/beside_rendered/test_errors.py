"""An exception costs its own texts at most, never the line."""

import os
from typing import Any

from django.conf import settings

from ..internals.errors import exception_fields
from ..logging import get_logger
from .lines import LinesTestCase

log = get_logger("shop")

# Exceptions with attributes that `traceback` does not expect.
SOURCE = """
class Text(Exception):
    def __str__(self): raise RuntimeError

class Notes(Exception):
    __notes__ = property(lambda self: 1 / 0)

class Cause(Exception):
    __cause__ = property(lambda self: 3)

class Frames(Exception):
    __traceback__ = property(lambda self: 1 / 0)

class Attributes(Exception):
    def __getattribute__(self, name): raise KeyError(name)

class Syntax(SyntaxError):
    lineno, text, filename = "x", 4, object()

ODD = [Text, Notes, Cause, Frames, Attributes, Syntax]

def pay(kind, *args):
    raise kind(*args)
"""


def project_code(path: str, source: str = SOURCE) -> dict[str, Any]:
    """Return the names of a module that lies at `path` in the project."""
    names: dict[str, Any] = {"__name__": "shop.views"}
    folder = str(getattr(settings, "BASE_DIR", os.getcwd()))
    exec(compile(source, os.path.join(folder, path), "exec"), names)
    return names


class ErrorTests(LinesTestCase):
    def test_the_place_is_the_innermost_frame_of_the_project(self) -> None:
        shop = project_code("shop/views.py")
        try:
            shop["pay"](int, "many")  # Raised by the interpreter, for `pay`.
        except ValueError as error:
            log.error("failed", exc_info=error)
        [line] = self.output.lines
        self.assertEqual(line["error.at"], "shop/views.py:23 in pay")
        self.assertEqual(line["error.type"], "ValueError")

    def test_code_of_others_is_no_place(self) -> None:
        for path in (
            os.__file__,
            os.path.join("venv", "lib", "site-packages", "ninja", "views.py"),
            os.path.join("usr", "lib", "dist-packages", "views.py"),
            __file__,
            "<string>",
            "page.html",
        ):
            with self.subTest(path):
                try:
                    project_code(path)["pay"](ValueError)
                except ValueError as error:
                    self.assertNotIn("error.at", exception_fields(error))

    def test_exceptions_that_cannot_be_formatted_have_a_line(self) -> None:
        shop = project_code("shop/views.py")
        for kind in shop["ODD"]:
            with self.subTest(kind.__name__):
                try:
                    shop["pay"](kind, "declined")
                except Exception as error:
                    log.error("failed", exc_info=(kind, error, None))
                line = self.output.lines[-1]
                self.assertEqual(line["event"], "failed")
                self.assertEqual(line["error.type"], f"shop.views.{kind.__name__}")
                self.assertIn("exception", line)
