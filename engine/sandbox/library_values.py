"""Values of the standard library's and numpy's types as plain data, and back: what programs return beside builtins.

Only the types themselves, never a program's subclasses of them: those are `engine.sandbox.values`' business.

What this module does not do: import anything in a program's process; a value's type is loaded where the value is.
"""

from __future__ import annotations

import collections
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

_FACTORIES: dict[str, Any] = {kind.__name__: kind for kind in (int, float, str, bool, list, tuple, dict, set)}
_MOST_FIELDS = 100
_FRACTION_BITS = 100_000
_COLLIDING = 100
"""Most keys with one and the same hash: an adversary may choose them so that each takes longer to add."""
_Encode = Callable[[Any], object]


def encode_library(value: Any, encode: _Encode) -> dict[str, object] | None:
    """`value` as tagged data; None where its type is none of those known here."""
    kind = type(value)
    encoder = _ENCODERS.get((kind.__module__, kind.__qualname__))
    if encoder is not None and getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind:
        return encoder(value, encode)
    fields = getattr(kind, "_fields", None) if issubclass(kind, tuple) else None
    if type(fields) is tuple and all(type(field) is str for field in fields) and len(fields) == len(value):
        return {"t": "named", "v": [kind.__name__, list(fields), [encode(item) for item in tuple.__iter__(value)]]}
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return {"t": "plain", "v": [encode(numpy.generic.item(value))]}
    if numpy is not None and isinstance(value, numpy.ndarray):
        return {"t": "plain", "v": [encode(numpy.ndarray.tolist(value))]}
    return None


def _entries(value: Any, encode: _Encode) -> list[list[object]]:
    return [[encode(key), encode(item)] for key, item in dict.items(value)]


def _datetime(value: Any, encode: _Encode) -> dict[str, object] | None:
    if value.tzinfo is not None:
        return None
    parts = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
    return {"t": "datetime", "v": [encode(part) for part in parts]}


def _factory(value: Any) -> str | None:
    factory = value.default_factory
    return next((name for name, kind in _FACTORIES.items() if kind is factory), None)


_ENCODERS: dict[tuple[str, str], Callable[[Any, _Encode], dict[str, object] | None]] = {
    ("collections", "Counter"): lambda value, encode: {"t": "counter", "v": _entries(value, encode)},
    ("collections", "OrderedDict"): lambda value, encode: {"t": "ordered", "v": _entries(value, encode)},
    ("collections", "defaultdict"): lambda value, encode: {
        "t": "default",
        "v": [_factory(value), *_entries(value, encode)],
    },
    ("datetime", "date"): lambda value, _: {"t": "date", "v": [value.year, value.month, value.day]},
    ("datetime", "datetime"): _datetime,
    ("datetime", "timedelta"): lambda value, _: {
        "t": "timedelta",
        "v": [value.days, value.seconds, value.microseconds],
    },
    ("decimal", "Decimal"): lambda value, _: {"t": "decimal", "v": str(value)},
    ("fractions", "Fraction"): lambda value, encode: {
        "t": "fraction",
        "v": [encode(value.numerator), encode(value.denominator)],
    },
}
_NEW: dict[str, Callable[[], Any]] = {
    "dict": dict,
    "set": set,
    "deque": collections.deque,
    "counter": collections.Counter,
    "ordered": collections.OrderedDict,
}
TAGS = frozenset(("named", "plain", "date", "datetime", "timedelta", "fraction"))
CONTAINER_TAGS = frozenset((*_NEW, "default"))


def check_hashes(keys: Sequence[Any]) -> None:
    """Raises ValueError where a set of `keys` would take very long to make."""
    if len(keys) > _COLLIDING and max(collections.Counter(map(hash, keys)).values()) > _COLLIDING:
        raise ValueError("keys that hash alike")


def decode_library(tag: str, content: list[Any], decode: Callable[[Any], Any], own_type: bool) -> object:
    """The value that `content` stands for; raises TypeError, ValueError or LookupError for what stands for none.

    Args:
        tag: one of `TAGS`.
        content: what `encode_library` made of the value.
        decode: reads one item of it.
        own_type: whether a named tuple needs the names of its fields (a class is made for these) or is a tuple.
    """
    if tag == "plain":
        return decode(content[0])
    if tag == "named":
        name, fields, items = content
        values = tuple(map(decode, items))
        return _tuple_class(str(name), tuple(map(str, fields)))(*values) if own_type else values
    if tag == "fraction":
        from fractions import Fraction

        numbers = [decode(number) for number in content]
        if any(number.bit_length() > _FRACTION_BITS for number in numbers):
            raise ValueError("a fraction of very long numbers")
        return Fraction(*numbers)
    import datetime

    made: object = getattr(datetime, tag)(*content)
    return made


def new_container(tag: str, content: list[Any], own_type: bool) -> Any:
    """The empty container of one of `CONTAINER_TAGS`; without its `own_type`, a dict where it is a kind of dict."""
    if not own_type and tag in ("counter", "ordered", "default"):
        return {}
    if tag == "default":
        return collections.defaultdict(None if content[0] is None else _FACTORIES[content[0]])
    return _NEW[tag]()


@functools.lru_cache(64)
def _tuple_class(name: str, fields: tuple[str, ...]) -> Callable[..., object]:
    if len(fields) > _MOST_FIELDS or max(map(len, (name, *fields))) > _MOST_FIELDS:
        raise ValueError("no fields of a named tuple")
    return collections.namedtuple(name, fields)


def decode_decimal(text: str) -> object:
    """A decimal number, a signalling NaN made quiet: comparing it would raise."""
    from decimal import Decimal

    number = Decimal(text)
    return Decimal("NaN") if number.is_snan() else number
