"""Values as plain data: how they leave the process that ran a program, and how they are read again.

Encoding looks at the builtin base type of a value and uses that type's own methods, so no `__eq__`, `__repr__`,
`__iter__` or `__reduce__` of the program runs; a subclass of a builtin becomes the builtin; anything else is only
named. Decoding trusts nothing: depth and sizes are bounded and no code of the sender runs.

What this module does not do: compare values, or use pickle, eval or repr of foreign objects.
"""

from __future__ import annotations

import builtins
import itertools
import sys
from collections import deque
from collections.abc import Callable
from types import BuiltinFunctionType, GeneratorType
from typing import Any, cast

_DEPTH = 60
_ENTRIES = 20_000
"""Most entries of a set or dict read back: hashes chosen by an adversary make more of them slow."""
_ITEMS = 1_000_000
"""Most items taken from one iterator."""
_SMALL = 1 << 53
_NOTHING: tuple[Any, ...] = ([], (), "", b"", {}, {}.values(), {}.items(), set(), range(0), range(1 << 70))
_VIEWS: tuple[Any, ...] = ({}.keys(), {}.values(), {}.items())
_ITERATORS: tuple[type, ...] = (
    *(GeneratorType, map, zip, filter, enumerate, reversed),
    *(type(view) for view in _VIEWS),
    *(type(iter(empty)) for empty in _NOTHING),
)


class Opaque:
    """A value that is not plain data (an instance of a class, a function, ...); equal to nothing but itself."""

    def __init__(self, kind: str, handle: int | None = None) -> None:
        self.kind = kind
        self.handle = handle

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def encode(value: object, keep: Callable[[object], int] | None = None, depth: int = _DEPTH) -> object:
    """`value` as data for JSON; `keep` gives the number under which an object that is not plain data stays behind."""
    kind = type(value)
    if value is None or value is True or value is False or kind is str or kind is float:
        return value
    if kind is int:
        number = cast("int", value)
        return number if -_SMALL < number < _SMALL else {"t": "int", "v": hex(number)}
    if depth == 0:
        return {"t": "object", "v": "value nested too deeply"}
    if kind is list:
        return [encode(item, keep, depth - 1) for item in cast("list[object]", value)]
    for base, encoder in _BASES:
        if issubclass(kind, base):
            return encoder(value, keep, depth)
    return _encode_other(value, keep, depth)


def _encode_other(value: Any, keep: Callable[[object], int] | None, depth: int) -> object:
    kind = type(value)
    if kind is range:
        return {"t": "range", "v": [encode(part) for part in (value.start, value.stop, value.step)]}
    if kind in _ITERATORS or kind.__module__ == "itertools":
        items = list(itertools.islice(value, _ITEMS + 1))
        if len(items) <= _ITEMS:
            return {"t": "iterator", "v": [encode(item, keep, depth - 1) for item in items]}
    named = type.__dict__["__name__"].__get__(value) if isinstance(value, type) else getattr(value, "__name__", None)
    if kind in (type, BuiltinFunctionType) and vars(builtins).get(str(named)) is value:
        return {"t": "builtin", "v": named}
    decimal, fractions = sys.modules.get("decimal"), sys.modules.get("fractions")
    if decimal is not None and kind is decimal.Decimal:
        return {"t": "decimal", "v": str(value)}
    if fractions is not None and kind is fractions.Fraction:
        return {"t": "fraction", "v": [encode(value.numerator), encode(value.denominator)]}
    name = type.__dict__["__qualname__"].__get__(kind)[:200]
    return {"t": "object", "v": name} if keep is None else {"t": "object", "v": name, "h": keep(value)}


def _sequence(tag: str, iterate: Callable[[Any], Any]) -> Callable[[Any, Any, int], object]:
    def encoder(value: Any, keep: Callable[[object], int] | None, depth: int) -> object:
        return {"t": tag, "v": [encode(item, keep, depth - 1) for item in iterate(value)]}

    return encoder


def _encode_dict(value: Any, keep: Callable[[object], int] | None, depth: int) -> object:
    items = dict.items(value)
    return {"t": "dict", "v": [[encode(key, keep, depth - 1), encode(item, keep, depth - 1)] for key, item in items]}


def _encode_list(value: Any, keep: Callable[[object], int] | None, depth: int) -> object:
    return [encode(item, keep, depth - 1) for item in list.__iter__(value)]


def _encode_bytes(value: Any, _keep: object, _depth: int) -> object:
    return {"t": "bytearray" if issubclass(type(value), bytearray) else "bytes", "v": str(memoryview(value), "latin-1")}


_BASES: tuple[tuple[type, Callable[[Any, Any, int], object]], ...] = (
    (int, lambda value, _keep, depth: encode(int.__index__(value), None, depth)),
    (str, lambda value, _keep, _depth: str.__str__(value)),
    (float, lambda value, _keep, _depth: float.__float__(value)),
    (list, _encode_list),
    (tuple, _sequence("tuple", tuple.__iter__)),
    (dict, _encode_dict),
    (set, _sequence("set", set.__iter__)),
    (frozenset, _sequence("frozenset", frozenset.__iter__)),
    (deque, _sequence("deque", deque.__iter__)),
    (bytes, _encode_bytes),
    (bytearray, _encode_bytes),
    (
        complex,
        lambda value, _keep, _depth: {
            "t": "complex",
            "v": [complex.conjugate(value).real, -complex.conjugate(value).imag],
        },
    ),
)


def decode(data: object, remote: Callable[[str, int | None], object] = Opaque, depth: int = _DEPTH + 2) -> object:
    """The value that `encode` made `data` from; never raises for data that a hostile process made up."""
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if depth == 0:
        return Opaque("value nested too deeply")
    if isinstance(data, list):
        return [decode(item, remote, depth - 1) for item in data]
    if not isinstance(data, dict):
        return Opaque("unreadable value")
    try:
        return _decode_tagged(data, remote, depth)
    except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError):
        return Opaque("unreadable value")


def _decode_tagged(data: dict[str, Any], remote: Callable[[str, int | None], object], depth: int) -> object:
    tag, content = data.get("t"), data.get("v")
    if tag == "object":
        handle = data.get("h")
        return remote(str(content)[:200], handle if isinstance(handle, int) else None)
    if isinstance(content, str):
        return _decode_text(tag, content)
    if not isinstance(content, list):
        return Opaque("unreadable value")
    if tag == "dict":
        if len(content) > _ENTRIES:
            return Opaque(f"dict of {len(content)} entries")
        return {decode(key, remote, depth - 1): decode(item, remote, depth - 1) for key, item in content}
    items = [decode(item, remote, depth - 1) for item in content]
    if tag in ("set", "frozenset") and len(items) > _ENTRIES:
        return Opaque(f"{tag} of {len(items)} items")
    return _decode_items(tag, items)


def _decode_text(tag: object, text: str) -> object:
    if tag == "int":
        return int(text, 16)
    if tag == "bytes":
        return text.encode("latin-1")
    if tag == "bytearray":
        return bytearray(text, "latin-1")
    if tag == "decimal":
        from decimal import Decimal

        return Decimal(text)
    if tag == "builtin":
        return vars(builtins)[text]
    return Opaque("unreadable value")


def _decode_items(tag: object, items: list[Any]) -> object:
    if tag == "fraction":
        from fractions import Fraction

        return Fraction(*items)
    builders: dict[object, Callable[[list[Any]], object]] = {
        "tuple": tuple,
        "set": set,
        "frozenset": frozenset,
        "deque": deque,
        "iterator": iter,
        "range": lambda parts: range(*parts),
        "complex": lambda parts: complex(*parts),
    }
    build = builders.get(tag)
    return build(items) if build else Opaque("unreadable value")
