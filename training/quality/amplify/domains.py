"""Learn from examples what values look like (types, ranges, alphabets, lengths, order), and draw new ones.

An invariant that all examples share, such as sorted lists, is kept if chance would hardly make it. Lengths go from half
of the least to a third more than the greatest. A range is widened only where it stays on the same side of zero. A value
that looks like the examples may still be one that the problem forbids.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, Protocol

from training.quality.amplify.scalars import Floats, Seen, Texts, Whole

_CHANCE = 0.05
"""An invariant counts as intended if chance would make it less often than this."""
_MOST_ITEMS = 12


class Domain(Protocol):
    """A set of values."""

    def draw(self, chance: Random, size: float) -> Any:
        """Draw a new value. `size` goes from 0 (smallest) to 1 (somewhat larger than the examples)."""

    def vary(self, value: Any, chance: Random) -> Any:
        """Draw a value near `value`."""

    def admits(self, value: Any) -> bool:
        """Say whether a value is of the right kind. Ranges do not count."""


def learn(values: Sequence[Any]) -> Domain:
    """Learn the domain of one or more examples."""
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        return Floats.of([float(value) for value in values])
    if len(kinds) > 1:
        groups = [[value for value in values if type(value) is kind] for kind in sorted(kinds, key=str)]
        return Union(tuple(map(learn, groups)), tuple(sorted(kinds, key=str)))
    (kind,) = kinds
    if kind is int:
        return Whole.of(values)
    if kind is float:
        return Floats.of(values)
    if kind is str:
        return Texts.of(values)
    if kind in (list, tuple, set, frozenset):
        return _learn_items(kind, values)
    if kind is dict and any(values):
        return Dicts.of(values)
    return Seen(tuple(values), kind)


def _learn_items(kind: type, values: Sequence[Any]) -> Domain:
    full = [value for value in values if len(value)]
    if not full:
        return Seen(tuple(values), kind)
    lengths = {len(value) for value in values}
    if kind in (list, tuple) and len(lengths) == 1 and (length := len(full[0])) <= 6 and _is_record(kind, full):
        return Record(kind, tuple(learn([value[i] for value in full]) for i in range(length)))
    return Items.of(kind, values)


def _is_record(kind: type, values: Sequence[Any]) -> bool:
    """Say whether places have types of their own, or are few and always as many, as in tuples."""
    types = [{type(value[i]) for value in values} for i in range(len(values[0]))]
    return any(kinds != types[0] for kinds in types) or (kind is tuple and len(values) >= 4 and len(values[0]) <= 3)


@dataclass(frozen=True, slots=True)
class Record:
    """Lists or tuples of fixed length whose places mean different things."""

    kind: type
    places: tuple[Domain, ...]

    def draw(self, chance: Random, size: float) -> Any:
        return self.kind(place.draw(chance, size) for place in self.places)

    def vary(self, value: Any, chance: Random) -> Any:
        parts = list(value)
        at = chance.randrange(len(parts))
        parts[at] = self.places[at].vary(parts[at], chance)
        return self.kind(parts)

    def admits(self, value: Any) -> bool:
        kind: Any = type(value)
        if kind is not self.kind or len(value) != len(self.places):
            return False
        return all(place.admits(item) for place, item in zip(self.places, value, strict=True))


@dataclass(frozen=True, slots=True)
class Items:
    """Lists, tuples and sets whose items have one domain."""

    kind: type
    item: Domain
    low: int
    high: int
    """Least and greatest length, equal where all examples have one length."""
    order: int = 0
    """1 where items never fall, -1 where they never rise, 0 where neither is intended."""
    distinct: bool = False
    even_rows: bool = False
    """Whether the items of one value have equal lengths, as in a matrix."""

    @classmethod
    def of(cls, kind: type, values: Sequence[Any]) -> Items:
        lengths = [len(value) for value in values]
        rows = [list(value) for value in values]
        flat = [item for row in rows for item in row]
        fixed = len(set(lengths)) == 1 and len(lengths) > 1
        order = _order(rows) if kind in (list, tuple) else 0
        strict = order != 0 and all(len({repr(item) for item in row}) == len(row) for row in rows)
        rectangular = all(len({len(item) for item in row}) <= 1 for row in rows) if _sized(flat) else False
        return cls(
            kind,
            learn(flat),
            lengths[0] if fixed else (min(lengths) + 1) // 2,
            lengths[0] if fixed else max(lengths),
            order,
            strict or _is_distinct(rows),
            rectangular and any(len(row) > 1 for row in rows),
        )

    def draw(self, chance: Random, size: float) -> Any:
        most = self.high if self.high == self.low else max(self.low, math.ceil(self.high * 1.3 * size))
        length = chance.randint(self.low, min(most, max(_MOST_ITEMS, self.low)))
        return self.keep([self.item.draw(chance, size) for _ in range(length)], chance)

    def vary(self, value: Any, chance: Random) -> Any:
        items = sorted(value, key=repr) if self.kind in (set, frozenset) else list(value)
        if not items:
            return self.draw(chance, 0.3)
        at, other = chance.randrange(len(items)), chance.randrange(len(items))
        shorter = len(items) > self.low
        longer = self.low != self.high
        choice = chance.randrange(7)
        if choice == 0 and shorter:
            del items[at]
        elif choice == 1 and longer:
            items.insert(at, items[other])
        elif choice == 2 and longer:
            items.insert(at, self.item.draw(chance, 0.7))
        elif choice == 3 and shorter:
            items = items[: max(self.low, at)]
        elif choice == 4:
            items[at], items[other] = items[other], items[at]
        elif choice == 5:
            items[at] = items[other]
        else:
            items[at] = self.item.vary(items[at], chance)
        return self.keep(items, chance)

    def admits(self, value: Any) -> bool:
        kind: Any = type(value)
        if kind is not self.kind or len(value) < self.low or not all(map(self.item.admits, value)):
            return False
        return (self.low != self.high or len(value) == self.low) and self.keep(list(value), Random(0)) == value

    def keep(self, items: list[Any], chance: Random) -> Any:
        """Give the items the invariants that the examples share."""
        if self.even_rows and items:
            width = len(items[chance.randrange(len(items))])
            items = [self._as_wide(item, width, chance) for item in items]
        if self.distinct:
            different = {repr(item): item for item in items}
            for _ in range(_MOST_ITEMS if len(different) < self.low else 0):
                different.setdefault(repr(item := self.item.draw(chance, 1.0)), item)
            items = list(different.values())[: max(self.low, len(items))]
        if self.order and self.kind in (list, tuple):
            try:
                items.sort(reverse=self.order < 0)
            except TypeError:
                items.sort(key=repr)
        return self.kind(items)

    def _as_wide(self, row: Any, width: int, chance: Random) -> Any:
        while len(row) != width:
            if len(row) > width:
                row = row[:width]
            else:
                other = self.item.draw(chance, 1.0)
                row = row + (other[: width - len(row)] or row[:1] or type(row)())
                if not len(row):
                    return row
        return row


def _sized(items: Sequence[Any]) -> bool:
    return bool(items) and all(type(item) in (list, tuple, str) for item in items) and type(items[0]) is not str


def _order(rows: Sequence[Sequence[Any]]) -> int:
    """Say in which order all rows are sorted, if chance would hardly sort them."""
    if math.prod(1 / _orders(row) for row in rows) > _CHANCE:
        return 0
    try:
        for sign in (1, -1):
            if all((a <= b) if sign > 0 else (a >= b) for row in rows for a, b in pairwise(row)):
                return sign
    except TypeError:
        pass
    return 0


def _orders(row: Sequence[Any]) -> int:
    """Count the different orders of a row's items."""
    again = Counter(repr(item) for item in row[:20]).values()
    return math.factorial(min(len(row), 20)) // math.prod(map(math.factorial, again))


def _is_distinct(rows: Sequence[Sequence[Any]]) -> bool:
    """Say whether no row has an item twice, and chance would hardly make that so."""
    pool = len({repr(item) for row in rows for item in row})
    likely = 1.0
    for row in rows:
        if len({repr(item) for item in row}) < len(row):
            return False
        likely *= math.prod(max(pool - taken, 0) / pool for taken in range(len(row))) if pool else 1.0
    return likely < _CHANCE


@dataclass(frozen=True, slots=True)
class Dicts:
    """Dictionaries."""

    key: Domain
    value: Domain
    low: int
    high: int

    @classmethod
    def of(cls, values: Sequence[dict[Any, Any]]) -> Dicts:
        keys = [key for value in values for key in value]
        lengths = [len(mapping) for mapping in values]
        items = [item for mapping in values for item in mapping.values()]
        return cls(learn(keys), learn(items), min(*lengths, 1), max(lengths))

    def draw(self, chance: Random, size: float) -> dict[Any, Any]:
        most = max(self.low, math.ceil(self.high * 1.3 * size))
        length = chance.randint(self.low, min(most, _MOST_ITEMS))
        return {self.key.draw(chance, 1.0): self.value.draw(chance, size) for _ in range(length)}

    def vary(self, value: dict[Any, Any], chance: Random) -> dict[Any, Any]:
        varied = dict(value)
        if not varied:
            return self.draw(chance, 0.5)
        key = chance.choice(list(varied))
        choice = chance.randrange(3)
        if choice == 0 and len(varied) > self.low:
            del varied[key]
        elif choice == 1:
            varied[self.key.vary(key, chance)] = self.value.draw(chance, 0.7)
        else:
            varied[key] = self.value.vary(varied[key], chance)
        return varied

    def admits(self, value: Any) -> bool:
        if type(value) is not dict or len(value) < self.low:
            return False
        return all(map(self.key.admits, value)) and all(map(self.value.admits, value.values()))


@dataclass(frozen=True, slots=True)
class Union:
    """Values of several types."""

    options: tuple[Domain, ...]
    kinds: tuple[type, ...]

    def draw(self, chance: Random, size: float) -> Any:
        return chance.choice(self.options).draw(chance, size)

    def vary(self, value: Any, chance: Random) -> Any:
        if type(value) not in self.kinds or chance.random() < 0.2:
            return self.draw(chance, 0.7)
        return self.options[self.kinds.index(type(value))].vary(value, chance)

    def admits(self, value: Any) -> bool:
        return any(option.admits(value) for option in self.options)
