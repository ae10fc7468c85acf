"""Turn values of the standard library's and numpy's types into plain data, and back.

Only the types themselves are handled here, and `engine.sandbox.values` handles a program's subclasses. Nothing is
imported in a program's process, because a value's type is already loaded there.
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
"""Maximum number of keys with equal hashes, because an adversary may choose keys that are slow to add."""
_Encode = Callable[[Any], object]


def encode_library(value: Any, encode: _Encode) -> dict[str, object] | None:
    """Return `value` as tagged data, or None for an unknown type."""
    kind = type(value)
    encoder = _ENCODERS.get((str(kind.__module__).partition(".")[0], kind.__qualname__))
    if encoder is not None and getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind:
        tag, parts = encoder
        return {"t": tag, "v": parts(value, encode)}
    fields = getattr(kind, "_fields", None) if issubclass(kind, tuple) else None
    if type(fields) is tuple and all(type(field) is str for field in fields) and len(fields) == len(value):
        return {"t": "named", "v": [kind.__name__, list(fields), [encode(item) for item in tuple.__iter__(value)]]}
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return {"t": "plain", "v": [encode(numpy.generic.item(value))]}
    if numpy is not None and isinstance(value, numpy.ndarray):
        return {"t": "plain", "v": [encode(numpy.ndarray.tolist(value))]}
    return None


def _entries(value: Any, encode: _Encode) -> list[object]:
    return [[encode(key), encode(item)] for key, item in dict.items(value)]


def _items(value: Any, encode: _Encode) -> list[object]:
    return [encode(item) for item in value]


def _factory(value: Any) -> str | None:
    factory = value.default_factory
    return next((name for name, kind in _FACTORIES.items() if kind is factory), None)


def _time(value: Any) -> list[object]:
    return [value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value)]


def _zone(value: Any) -> object:
    """Return the zone of a time or a datetime, or None where it has none."""
    return None if value.tzinfo is None else _described(value.utcoffset(), value.tzname(), value.tzinfo)


def _described(offset: Any, name: Any, zone: Any) -> list[object]:
    """Describe a zone by its fixed offset from UTC (days, seconds, microseconds), its name, and its database key."""
    key = getattr(zone, "key", None)
    parts = None if offset is None else [offset.days, offset.seconds, offset.microseconds]
    return [parts, name if type(name) is str else None, key if type(key) is str else None]


_ENCODERS: dict[tuple[str, str], tuple[str, Callable[[Any, _Encode], list[object]]]] = {
    ("collections", "Counter"): ("counter", _entries),
    ("collections", "OrderedDict"): ("ordered", _entries),
    ("collections", "defaultdict"): ("default", lambda value, encode: [_factory(value), *_entries(value, encode)]),
    ("collections", "ChainMap"): ("chain", lambda value, encode: _items(value.maps, encode)),
    ("collections", "UserDict"): ("user", lambda value, encode: [encode(value.data)]),
    ("collections", "UserList"): ("user", lambda value, encode: [encode(value.data)]),
    ("collections", "UserString"): ("user", lambda value, encode: [encode(value.data)]),
    ("collections", "KeysView"): ("keys", _items),
    ("collections", "ItemsView"): ("items", _items),
    ("types", "SimpleNamespace"): ("namespace", lambda value, encode: _entries(value.__dict__, encode)),
    ("datetime", "date"): ("date", lambda value, _: [value.year, value.month, value.day]),
    ("datetime", "time"): ("time", lambda value, _: _time(value)),
    ("datetime", "datetime"): ("datetime", lambda value, _: [value.year, value.month, value.day, *_time(value)]),
    ("datetime", "timedelta"): ("timedelta", lambda value, _: [value.days, value.seconds, value.microseconds]),
    ("datetime", "timezone"): ("zone", lambda zone, _: _described(zone.utcoffset(None), zone.tzname(None), zone)),
    ("zoneinfo", "ZoneInfo"): ("zone", lambda zone, _: _described(None, None, zone)),
    ("decimal", "Decimal"): ("decimal", lambda value, _: [str(value)]),
    ("fractions", "Fraction"): ("fraction", lambda value, encode: [encode(value.numerator), encode(value.denominator)]),
    ("uuid", "UUID"): ("uuid", lambda value, encode: [encode(value.int)]),
    ("pathlib", "PosixPath"): ("path", lambda value, _: [str(value)]),
    ("pathlib", "PurePosixPath"): ("path", lambda value, _: [str(value)]),
    ("array", "array"): ("array", lambda value, encode: [value.typecode, *_items(value, encode)]),
}
_NEW: dict[str, Callable[[], Any]] = {
    "dict": dict,
    "set": set,
    "deque": collections.deque,
    "counter": collections.Counter,
    "ordered": collections.OrderedDict,
}
CONTAINER_TAGS = frozenset((*_NEW, "default"))


def check_hashes(keys: Sequence[Any]) -> None:
    """Raise ValueError if a set of `keys` would take very long to make."""
    if len(keys) > _COLLIDING and max(collections.Counter(map(hash, keys)).values()) > _COLLIDING:
        raise ValueError("keys that hash alike")


def decode_library(tag: str, content: list[Any], decode: Callable[[Any], Any], own_type: bool) -> object:
    """Return the value that `content` stands for. Malformed content raises an exception.

    Args:
        tag: One of `TAGS`.
        content: The result of `encode_library`.
        decode: Reads one item of it.
        own_type: Whether to return the value's own type, and not an equal builtin.
    """
    return _DECODERS[tag](content, decode, own_type)


def _decode_named(content: list[Any], decode: Callable[[Any], Any], own_type: bool) -> object:
    name, fields, items = content
    values = tuple(map(decode, items))
    return _tuple_class(str(name), tuple(map(str, fields)))(*values) if own_type else values


def _decode_chain(content: list[Any], decode: Callable[[Any], Any], own_type: bool) -> object:
    chain = collections.ChainMap(*map(decode, content))
    return chain if own_type else dict(chain)


def _decode_user(content: list[Any], decode: Callable[[Any], Any], own_type: bool) -> object:
    data = decode(content[0])
    kinds: dict[Any, Any] = {dict: collections.UserDict, list: collections.UserList, str: collections.UserString}
    return kinds[type(data)](data) if own_type else data


def _decode_proxy(content: list[Any], decode: Callable[[Any], Any], own_type: bool) -> object:
    from types import MappingProxyType

    mapping = decode(content[0])
    return MappingProxyType(mapping) if own_type else mapping


def _decode_namespace(content: list[Any], decode: Callable[[Any], Any], _own_type: bool) -> object:
    from types import SimpleNamespace

    return SimpleNamespace(**{str(decode(name)): decode(value) for name, value in content})


def _decode_fraction(content: list[Any], decode: Callable[[Any], Any], _own_type: bool) -> object:
    from fractions import Fraction

    numbers = [decode(number) for number in content]
    if any(type(number) is not int or number.bit_length() > _FRACTION_BITS for number in numbers):
        raise ValueError("a fraction of other things than numbers of bounded length")
    return Fraction(*numbers)


def _decode_decimal(content: list[Any], _decode: Callable[[Any], Any], _own_type: bool) -> object:
    from decimal import Decimal

    number = Decimal(content[0])
    return Decimal("NaN") if number.is_snan() else number  # comparing a signalling one would raise


def _decode_date(content: list[Any], _decode: Callable[[Any], Any], own_type: bool) -> object:
    import datetime

    if len(content) == 3:
        return datetime.date(*content)
    *parts, fold, zone = content
    kind: Any = datetime.time if len(parts) == 4 else datetime.datetime
    fixed = zone is not None and (own_type or zone[0] is not None)
    return kind(*parts, fold=fold, tzinfo=_decode_zone(zone, _decode, own_type) if fixed else None)


def _decode_zone(content: list[Any], _decode: Callable[[Any], Any], own_type: bool) -> Any:
    import datetime

    offset, name, key = content
    if own_type and key is not None:
        from zoneinfo import ZoneInfo

        return ZoneInfo(key)
    return datetime.timezone(datetime.timedelta(*offset), *([] if name is None else [name]))


def _decode_span(content: list[Any], _decode: Callable[[Any], Any], _own_type: bool) -> object:
    import datetime

    return datetime.timedelta(*content)


def _decode_uuid(content: list[Any], decode: Callable[[Any], Any], _own_type: bool) -> object:
    from uuid import UUID

    return UUID(int=decode(content[0]))


def _decode_path(content: list[Any], _decode: Callable[[Any], Any], _own_type: bool) -> object:
    from pathlib import PosixPath

    return PosixPath(content[0])


def _decode_array(content: list[Any], decode: Callable[[Any], Any], _own_type: bool) -> object:
    from array import array

    return array(content[0], map(decode, content[1:]))


_DECODERS: dict[str, Callable[[list[Any], Callable[[Any], Any], bool], object]] = {
    "plain": lambda content, decode, _: decode(content[0]),
    "named": _decode_named,
    "chain": _decode_chain,
    "proxy": _decode_proxy,
    "user": _decode_user,
    "namespace": _decode_namespace,
    "fraction": _decode_fraction,
    "decimal": _decode_decimal,
    "date": _decode_date,
    "time": _decode_date,
    "datetime": _decode_date,
    "timedelta": _decode_span,
    "zone": _decode_zone,
    "uuid": _decode_uuid,
    "path": _decode_path,
    "array": _decode_array,
}
TAGS = frozenset(_DECODERS)


def new_container(tag: str, content: list[Any], own_type: bool) -> Any:
    """Make the empty container of one of `CONTAINER_TAGS`. Without `own_type` every kind of dict becomes a dict."""
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
