"""Encode values as plain data to leave the process that ran a program, and decode them again.

Encoding uses the methods of a value's builtin base type, so no `__eq__`, `__repr__`, `__iter__` or `__reduce__` of the
program runs. A subclass of a builtin becomes the builtin. Anything else is only named, or stays behind and is known by
a number (`Sender.keep`). Decoding trusts nothing. Depth and sizes are bounded, and no code of the sender runs.
"""

from __future__ import annotations

import builtins
import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, GeneratorType, MappingProxyType
from typing import Any, Protocol, cast

from engine.sandbox.library_values import (
    CONTAINER_TAGS,
    TAGS,
    check_hashes,
    decode_library,
    encode_library,
    new_container,
)

_DEPTH = 60
_ITEMS = 1_000_000
"""Maximum number of items taken from one iterator."""
_SMALL = 1 << 53
_NOTHING: tuple[Any, ...] = ([], (), "", b"", {}, {}.keys(), {}.values(), {}.items(), set(), range(0), range(1 << 70))
_ITERATORS: tuple[type, ...] = (
    *(GeneratorType, map, zip, filter, enumerate, reversed),
    *(type(iter(empty)) for empty in _NOTHING),
)
_ITERATOR_IDS = frozenset(map(id, _ITERATORS))
"""Types are compared by identity, because a metaclass may have the program's own `__eq__`."""
_VIEWS = {
    id(type(view)): name
    for mapping in (dict[str, str](), OrderedDict[str, str]())
    for name, view in (("keys", mapping.keys()), ("values", mapping.values()), ("items", mapping.items()))
}
_PURE = (
    "abs all any ascii bin callable chr divmod format hash hex isinstance issubclass iter len max min next oct ord pow "
    "print repr round sorted sum Ellipsis NotImplemented"
)
PURE_BUILTINS = frozenset(
    (*_PURE.split(), *(name for name, value in vars(builtins).items() if isinstance(value, type) and value is not type))
)
"""Builtins that run no text, make no class and read nothing that they are not given."""
CONTAINERS = (list, dict, set, deque, bytearray)
"""Types that a call may change in place."""


class Opaque:
    """A value that is not plain data, such as an instance of a class or a function. It equals only itself."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind}>"


class Sender(Protocol):
    """Keeps the objects that stay behind while values are encoded."""

    def keep(self, value: object) -> dict[str, object]:
        """Describe an object that is not plain data to the other side."""

    def sends_builtin(self, name: str) -> bool:
        """Say whether the other side may have its own builtin of that name."""

    def number_of(self, container: object) -> int | None:
        """Return the number of a container that both sides have, or None if it has to be sent."""


class Receiver(Protocol):
    """Knows the objects that stayed behind while values are decoded."""

    def known(self, data: dict[str, Any]) -> object:
        """Return the object that `Sender.keep` described."""

    def takes_builtin(self, name: str) -> bool:
        """Say whether the other side may mean the builtin of that name here."""

    def made(self, container: object) -> None:
        """Register a new container that the other side may have numbered."""

    def shared(self, number: int) -> object:
        """Return the container of that number. Raises LookupError if there is none."""


def encode(value: object, sender: Sender | None = None, depth: int = _DEPTH) -> object:
    """Encode `value` as data for JSON."""
    kind = type(value)
    if value is None or value is True or value is False or kind is str or kind is float:
        return value
    if kind is int:
        number = cast("int", value)
        return number if -_SMALL < number < _SMALL else {"t": "int", "v": hex(number)}
    if depth == 0:
        return {"t": "object", "v": "value nested too deeply"}
    if sender is not None and issubclass(kind, CONTAINERS) and (known := sender.number_of(value)) is not None:
        return {"t": "shared", "v": [known]}
    if kind is list:
        return [encode(item, sender, depth - 1) for item in cast("list[object]", value)]
    if kind.__module__ != "builtins":
        known_type = encode_library(value, lambda item: encode(item, sender, depth - 1))
        if known_type is not None:
            return known_type
    for base, encoder in _BASES:
        if issubclass(kind, base):
            return encoder(value, sender, depth)
    return _encode_other(value, sender, depth)


def _encode_other(value: Any, sender: Sender | None, depth: int) -> object:
    kind = type(value)
    if kind is range:
        return {"t": "range", "v": [encode(part) for part in (value.start, value.stop, value.step)]}
    if (view := _VIEWS.get(id(kind))) is not None:
        return _tagged(view, value, sender, depth)
    if kind is MappingProxyType:
        return {"t": "proxy", "v": [encode(dict(value), sender, depth - 1)]}
    if kind is memoryview and value.format == "B":
        return {"t": "bytes", "v": str(value.tobytes(), "latin-1")}
    if sender is None and is_iterator(value):
        items = list(itertools.islice(value, _ITEMS + 1))
        if len(items) <= _ITEMS:
            return _tagged("iterator", items, sender, depth)
    if value is Ellipsis or value is NotImplemented:
        return {"t": "builtin", "v": repr(value)}
    named = kind is type or kind is BuiltinFunctionType
    if (
        named
        and vars(builtins).get(name := str(value.__name__)) is value
        and (not sender or sender.sends_builtin(name))
    ):
        return {"t": "builtin", "v": name}
    return {"t": "object", "v": kind_name(value)} if sender is None else sender.keep(value)


def kind_name(value: object) -> str:
    """Return the name of `value`'s type, whatever the type says of itself."""
    return str(type.__dict__["__qualname__"].__get__(type(value)))[:200]


def is_iterator(value: object) -> bool:
    """Say whether `value` is one of Python's own iterators, which only yield items."""
    return id(type(value)) in _ITERATOR_IDS or type(value).__module__ == "itertools"


def _tagged(tag: str, items: Any, sender: Sender | None, depth: int) -> object:
    return {"t": tag, "v": [encode(item, sender, depth - 1) for item in items]}


def _sequence(tag: str, iterate: Callable[[Any], Any]) -> Callable[[Any, Any, int], object]:
    return lambda value, sender, depth: _tagged(tag, iterate(value), sender, depth)


def _encode_dict(value: Any, sender: Sender | None, depth: int) -> object:
    items = dict.items(value)
    return {
        "t": "dict",
        "v": [[encode(key, sender, depth - 1), encode(item, sender, depth - 1)] for key, item in items],
    }


def _encode_list(value: Any, sender: Sender | None, depth: int) -> object:
    return [encode(item, sender, depth - 1) for item in list.__iter__(value)]


def _encode_bytes(value: Any, _sender: object, _depth: int) -> object:
    return {"t": "bytearray" if issubclass(type(value), bytearray) else "bytes", "v": str(memoryview(value), "latin-1")}


_BASES: tuple[tuple[type, Callable[[Any, Any, int], object]], ...] = (
    (int, lambda value, _sender, depth: encode(int.__index__(value), None, depth)),
    (str, lambda value, _sender, _depth: str.__str__(value)),
    (float, lambda value, _sender, _depth: float.__float__(value)),
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
        lambda value, _sender, _depth: {
            "t": "complex",
            "v": [complex.conjugate(value).real, -complex.conjugate(value).imag],
        },
    ),
)


def decode(data: object, receiver: Receiver | None = None, depth: int = _DEPTH + 2) -> object:
    """Decode the value that `encode` made `data` from. It never raises, even for data of a hostile process."""
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if depth == 0:
        return Opaque("value nested too deeply")
    if isinstance(data, list):
        made: list[object] = []
        if receiver is not None:
            receiver.made(made)
        made += [decode(item, receiver, depth - 1) for item in data]
        return made
    if not isinstance(data, dict):
        return Opaque("unreadable value")
    try:
        return _decode_tagged(data, receiver, depth)
    except Exception:  # whatever a library's type makes of data that no program of ours wrote
        return Opaque("unreadable value")


def _decode_tagged(data: dict[str, Any], receiver: Receiver | None, depth: int) -> object:
    tag, content = data.get("t"), data.get("v")
    if tag == "object":
        return Opaque(str(content)[:200]) if receiver is None else receiver.known(data)
    if isinstance(content, str):
        return _decode_text(tag, content, receiver)
    if not isinstance(content, list):
        return Opaque("unreadable value")
    if tag == "shared" and receiver is not None:
        return receiver.shared(content[0])
    if tag in TAGS:
        return decode_library(str(tag), content, lambda item: decode(item, receiver, depth - 1), receiver is not None)
    if tag in CONTAINER_TAGS:
        made = new_container(str(tag), content, receiver is not None)
        if receiver is not None:
            receiver.made(made)
        pairs = content[1:] if tag == "default" else content
        fill(made, _items(made, pairs, receiver, depth))
        return made
    items = [decode(item, receiver, depth - 1) for item in content]
    builder = _BUILDERS.get(tag)
    return builder(items) if builder else Opaque("unreadable value")


def _items(made: object, content: list[Any], receiver: Receiver | None, depth: int) -> list[Any]:
    if not isinstance(made, dict):
        return [decode(item, receiver, depth - 1) for item in content]
    return [(decode(key, receiver, depth - 1), decode(item, receiver, depth - 1)) for key, item in content]


def fill(container: Any, items: Sequence[Any]) -> None:
    """Replace the content of `container` by `items`. Raises ValueError for too many equal hashes."""
    if isinstance(container, dict | set):
        check_hashes([key for key, _ in items] if isinstance(container, dict) else items)
    container.clear()
    if isinstance(container, dict):
        container.update(dict(items))
    else:
        (container.update if isinstance(container, set) else container.extend)(items)


def _decode_text(tag: object, text: str, receiver: Receiver | None) -> object:
    if tag == "int":
        return int(text, 16)
    if tag == "bytes":
        return text.encode("latin-1")
    if tag == "bytearray":
        made = bytearray(text, "latin-1")
        if receiver is not None:
            receiver.made(made)
        return made
    if tag == "builtin" and (receiver is None or receiver.takes_builtin(text)):
        return vars(builtins)[text]
    return Opaque("unreadable value")


def _keys(items: list[Any]) -> dict[Any, None]:
    check_hashes(items)
    return dict.fromkeys(items)


_BUILDERS: dict[object, Callable[[list[Any]], object]] = {
    "tuple": tuple,
    "frozenset": lambda items: frozenset(_keys(items)),
    "iterator": iter,
    "keys": lambda items: _keys(items).keys(),
    "values": lambda items: dict(enumerate(items)).values(),
    "items": lambda items: (_keys([key for key, _ in items]) | dict(items)).items(),
    "range": lambda parts: range(*parts),
    "complex": lambda parts: complex(*parts),
}
