"""Values that a logger may be handed, the worst that could be thought of."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import http
import pathlib
import uuid
import zoneinfo
from collections import OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Raises:
    """Each of its methods raises what it was made with."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def _raise(self, *_: object) -> Any:
        raise self.error

    __repr__ = __str__ = __eq__ = __bool__ = __len__ = __iter__ = _raise
    __format__ = __int__ = __index__ = __float__ = _raise
    __hash__ = _raise

    def __getattr__(self, name: str) -> Any:
        raise self.error


class NotText:
    def __repr__(self) -> Any:
        return 5

    __str__ = __repr__


class BadMapping(dict[str, Any]):
    def __len__(self) -> int:
        raise ValueError("no length")

    def items(self) -> Any:
        raise ValueError("no items")


class BadList(list[Any]):
    def __iter__(self) -> Any:
        raise ValueError("no items")

    __repr__ = NotText.__repr__


class BadString(str):
    def __len__(self) -> int:
        raise ValueError("no length")

    __str__ = __repr__ = __getitem__ = __eq__ = Raises._raise
    encode = Raises._raise  # type: ignore[assignment]
    error = ValueError("no string")
    __hash__ = str.__hash__


class BadNumber(int):
    __repr__ = __str__ = Raises._raise
    error = ValueError("no number")


class BadFloat(float):
    __repr__ = __str__ = Raises._raise
    error = ValueError("no number")


class BadZone(datetime.tzinfo):
    def dst(self, when: object) -> None:
        return None

    def tzname(self, when: object) -> str:
        return "BAD"

    def utcoffset(self, when: object) -> Any:
        raise ValueError("no offset")


class OddZone(BadZone):
    def utcoffset(self, when: object) -> datetime.timedelta:
        return datetime.timedelta(hours=1, seconds=7, microseconds=3)

    def tzname(self, when: object) -> str:
        return "\x1b[31mODD\n"


class BadDate(datetime.date):
    isoformat = Raises._raise
    error = ValueError("no date")


class Point(NamedTuple):
    x: Any
    password: Any


@dataclasses.dataclass
class Order:
    token: Any
    lines: Any = ()


class Unhashable(type):
    """A metaclass: `kind in {str}` raises for its classes."""

    def __eq__(cls, other: object) -> bool:
        raise ValueError("no comparison")

    __hash__ = None  # type: ignore[assignment]


class OddClass(metaclass=Unhashable):
    pass


class OddMapping(Mapping[Any, Any]):
    """Its keys are not those of its items; there are many."""

    def __getitem__(self, key: object) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Any:
        return iter(range(10**9))

    def __len__(self) -> int:
        return 10**9


class OddRepr:
    """Its texts are of a class of their own, or raise what is no Exception's text."""

    def __init__(self, text: Any) -> None:
        self.text = text

    def __repr__(self) -> Any:
        return self.text

    __str__ = __repr__


class Color(enum.Enum):
    RED = "\x1b[31mred\n"
    NESTED = ({"password": "planted"},)


class ErrorWithoutText(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class ErrorWithBadText(Exception):
    def __str__(self) -> Any:
        return BadString("text")


def cycle() -> Any:
    inner: dict[str, Any] = {}
    inner["self"] = [inner, (inner,)]
    return inner


def deep(depth: int, kind: type = list) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = {"down": value} if kind is dict else [value]
    return value


def billion() -> Any:
    value: Any = ["lol"] * 10
    for _ in range(12):
        value = [value] * 10
    return value


def raised(error: BaseException) -> BaseException:
    """Return `error` with the traceback of having been raised."""
    try:
        raise error
    except BaseException as caught:
        return caught


def chained(length: int) -> BaseException:
    error: BaseException = ValueError("first")
    for number in range(length):
        following = KeyError(number)
        following.__cause__ = error
        error = following
    return error


def grouped() -> BaseException:
    noted = ValueError("inner\n\x1b[31m")
    noted.add_note("a note\r\n\x1b]0;title\x07")
    group = ExceptionGroup("group", [noted, ErrorWithoutText()])
    for _ in range(20):
        group = ExceptionGroup("outer", [group, TypeError()])
    group.__notes__ = [Raises(ValueError()), 5, "fine"]  # type: ignore[list-item]
    return group


def circular() -> BaseException:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def errors() -> dict[str, Callable[[], BaseException]]:
    """Return how to make each odd exception."""
    return {
        "plain": lambda: ValueError("plain"),
        "text that raises": ErrorWithoutText,
        "text of a bad kind": ErrorWithBadText,
        "interrupt": KeyboardInterrupt,
        "syntax": lambda: SyntaxError("bad", ("f", -1, 10**9, "\x1b")),
        "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "\x1b[0m"),
        "long": lambda: ValueError("x" * 1_000_000),
        "forging": lambda: ValueError(
            "\ud800 \x00 \u2028 \x1b[2J\n{'event': 'forged'}\nTraceback: x"
        ),
        "chained": lambda: chained(20),
        "a long chain": lambda: chained(5_000),
        "grouped": grouped,
        "circular": circular,
    }


text = st.text(st.characters(), max_size=60) | st.sampled_from(
    [
        "",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\x9b31m",
        '\n{"event": "forged"}',
        "x user.id=1",
        "x\r\n2024-01-15 10:23:45 [info     ] forged  [telemetry.middleware] user.id=1",
        "'",
        "\"'\\",
        "\\",
        "\ud800",
        "\U0001f600",
        "\u2028\u2029\x85\x0b\x0c\x1c",
        "\u202e\u2066",
        "://user:pass@host",
        "password='",
        "token=\\",
        "secret: \"",
        "a" * 200_000,
        "\x00" * 30_000,
        "\u00e9\u4e2d" * 40_000,
        "%s %d %(x)s %",
    ]
)  # fmt: skip

keys = text | st.sampled_from(
    [
        *("timestamp", "level", "logger", "event", "event_", "exception", "stack"),
        *("exc_info_", "message", "msg", "args", "name", "self", "request.id"),
        *(
            "user.id",
            "password",
            "dB_PassWord",
            "telemetry_line",
            "telemetry_written_by",
        ),
    ]
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64, -(2**63) - 1])
    | st.floats()
    | text
    | st.binary(max_size=40)
    | st.decimals()
    | st.fractions()
    | st.complex_numbers()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.times()
    | st.timedeltas()
    | st.uuids()
)


def odd() -> dict[str, Callable[[], Any]]:
    """Return how to make each odd thing; anew each time, as some can be used only once."""
    from django.contrib.auth.models import AnonymousUser, User
    from django.core.paginator import Paginator
    from django.http import HttpResponse, QueryDict
    from django.test import RequestFactory
    from django.utils.functional import SimpleLazyObject, lazy
    from django.utils.safestring import mark_safe
    from django.utils.translation import gettext_lazy

    def fail() -> str:
        raise ValueError("lazy")

    def evaluated() -> Any:
        lazy_user = SimpleLazyObject(lambda: User(pk=3))
        bool(lazy_user)
        return lazy_user

    def users() -> Any:
        return User.objects.filter(username="x").order_by("pk")

    def sibling(*values: Any) -> dict[str, Any]:
        return {str(number): value for number, value in enumerate(values)}

    when = datetime.datetime(2024, 2, 29)
    return {
        "raises": lambda: Raises(ValueError("\x1b")),
        "raises recursion": lambda: Raises(RecursionError()),
        "raises memory": lambda: Raises(MemoryError()),
        "repr is no text": NotText,
        "repr is bytes": lambda: OddRepr(b"x"),
        "repr is None": lambda: OddRepr(None),
        "repr is a bad string": lambda: OddRepr(BadString("x")),
        "repr is a surrogate": lambda: OddRepr("\ud800\x1b"),
        "repr is long": lambda: OddRepr("password=planted " * 500_000),
        "class with an odd name": lambda: type("\u2028\x1b" * 999, (Raises,), {})(
            ValueError()
        ),
        "class that cannot be compared": OddClass,
        "such classes inside": lambda: [OddClass(), {"a": OddClass()}],
        "such a key": lambda: {OddClass(): 1, "a": 2},
        "key of a subclass": lambda: {mark_safe("value"): 1, mark_safe("other"): 2},
        "bad string as key": lambda: {BadString("value"): 1, BadString("other"): 2},
        "texts of a subclass": lambda: [mark_safe("a"), BadString("b")],
        "named tuple": lambda: Point(1, "planted"),
        "named tuple inside": lambda: {
            "points": [Point(deep(20), Raises(ValueError()))]
        },
        "dataclass": lambda: Order("planted"),
        "dataclass that raises": lambda: Order(1, Raises(ValueError())),
        "deques": lambda: deque([deque([cycle()])], maxlen=3),
        "views": lambda: [
            {"a": 1}.keys(),
            {"a": 1}.values(),
            {"password": "planted"}.items(),
        ],
        "mapping without end": OddMapping,
        "struct": lambda: __import__("time").gmtime(0),
        "bad mapping": lambda: BadMapping(a=1),
        "bad list": lambda: BadList([1]),
        "bad string": lambda: BadString("x"),
        "bad number": lambda: BadNumber(3),
        "bad float": lambda: BadFloat(1.5),
        "bad date": lambda: BadDate(2024, 1, 1),
        "bad zone": lambda: when.replace(tzinfo=BadZone()),
        "bad zone inside": lambda: [when.replace(tzinfo=BadZone())],
        "odd zone": lambda: when.replace(tzinfo=OddZone()),
        "zone": lambda: when.replace(tzinfo=zoneinfo.ZoneInfo("CET")),
        "first moment": lambda: datetime.datetime.min,
        "last moment": lambda: datetime.datetime.max.replace(tzinfo=datetime.UTC),
        "enum": lambda: Color.RED,
        "enum of a container": lambda: Color.NESTED,
        "status": lambda: http.HTTPStatus.OK,
        "method": lambda: http.HTTPMethod.GET,
        "cycle": cycle,
        "deep": lambda: deep(50),
        "very deep": lambda: deep(100_000),
        "deep mappings": lambda: deep(50, dict),
        "very deep mappings": lambda: deep(20_000, dict),
        "a billion": billion,
        "a billion shared": lambda: sibling(billion(), billion()),
        "keys of all kinds": lambda: {1: 2, None: 3, (1, 2): 4, b"x": 5, Color.RED: 6},
        "a long mapping": lambda: {i: i for i in range(100_000)},
        "a long list": lambda: list(range(1_000_000)),
        "a set": lambda: {*range(1_000)},
        "long bytes": lambda: b"\xff" * 10_000_000,
        "long text": lambda: "x" * 10_000_000,
        "long text of controls": lambda: "\x1b" * 10_000_000,
        "long text of secrets": lambda: "password=a " * 500_000,
        "long text of signs": lambda: "=:" * 2_000_000,
        "a long key": lambda: {"x" * 1_000_000: "y"},
        "surrogates": lambda: {"\ud800": "\udfff"},
        "bytearray": lambda: bytearray(b"x"),
        "memoryview": lambda: memoryview(b"x"),
        "range": lambda: range(10**12),
        "nan": lambda: float("nan"),
        "infinity inside": lambda: [float("inf"), {"a": float("-inf")}],
        "signalling nan": lambda: decimal.Decimal("sNaN"),
        "huge": lambda: 10**4000,
        "too huge for text": lambda: 10**5000,
        "fraction": lambda: fractions.Fraction(1, 3),
        "uuid": lambda: uuid.UUID(int=0),
        "path": lambda: pathlib.PurePosixPath("/\x1b"),
        "ordered": lambda: OrderedDict(a=1),
        "user dict": lambda: UserDict(a=1),
        "default dict": lambda: defaultdict(list),
        "deque": lambda: deque([1]),
        "object": object,
        "class": lambda: object,
        "function": lambda: len,
        "generator": lambda: (i for i in range(3)),
        "not implemented": lambda: NotImplemented,
        "safe text": lambda: mark_safe("<b>"),
        "translation": lambda: gettext_lazy("yes"),
        "lazy text that raises": lambda: lazy(fail, str)(),
        "lazy number that raises": lambda: lazy(fail, int)(),
        "lazy object": lambda: SimpleLazyObject(lambda: users().get()),
        "lazy object that raises": lambda: SimpleLazyObject(fail),
        "lazy object, loaded": evaluated,
        "queryset": users,
        "manager": lambda: User.objects,
        "values": lambda: users().values("pk"),
        "values list": lambda: users().values_list("pk", flat=True),
        "slice": lambda: users()[:5],
        "querysets inside": lambda: {"users": [users(), (users(),)]},
        "queryset in an object": lambda: deque([users()]),
        "paginator": lambda: Paginator(users(), 5),
        "model": lambda: User(pk=1, password="planted"),
        "model without key": User,
        "model class": lambda: User,
        "model state": lambda: User(pk=1)._state,
        "related manager": lambda: User(pk=1).groups,
        "anonymous": AnonymousUser,
        "query string": lambda: QueryDict("token=planted"),
        "request": lambda: RequestFactory().get("/x/?token=planted"),
        "response": lambda: HttpResponse(b"\x1b"),
    }


class Odd:
    """Stands for an odd thing, which hypothesis would look at too closely."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Odd({self.name!r})"


def made(value: Any) -> Any:
    """Return `value` with the odd things themselves in it."""
    if isinstance(value, Odd):
        return odd()[value.name]()
    if type(value) is dict:
        return {key: made(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(made, value))
    return value


def values() -> st.SearchStrategy[Any]:
    """Every kind of value, alone and nested; `made` makes what is odd in it."""
    return st.recursive(
        scalars | st.sampled_from(list(odd())).map(Odd),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(keys, inner, max_size=4)
            | st.tuples(inner, inner)
            | st.dictionaries(st.integers() | st.binary(), inner, max_size=3)
        ),
        max_leaves=8,
    )
