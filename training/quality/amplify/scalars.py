"""Domains of single values: numbers, texts, and values that are only repeated."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_ENOUGH = 4
"""Number of different characters of a class from which the whole class counts as allowed."""
_LITTLE = 3
"""Distance that small numbers may go beyond the examples."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The examples themselves and nothing else: bools, None, and values of unknown form."""

    values: tuple[Any, ...]
    kind: type

    def draw(self, chance: Random, size: float) -> Any:
        del size
        return chance.choice((True, False)) if self.kind is bool else chance.choice(self.values)

    def vary(self, value: Any, chance: Random) -> Any:
        return self.draw(chance, 0.5) if self.kind is not bool else not value

    def admits(self, value: Any) -> bool:
        return type(value) is self.kind and (self.kind is bool or value in self.values)


@dataclass(frozen=True, slots=True)
class Whole:
    """Whole numbers."""

    low: int
    high: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Whole:
        low, high = min(values), max(values)
        if (low, high) in ((0, 1), (0, 0)) and len(values) > 1:
            return cls(low, high)  # flags stay flags, and a constant 0 is where a recursion begins
        if low < 0:
            reach = max(-low, high, 2)
            return cls(-reach - reach // 2, reach + reach // 2)
        return cls(min(low, 1), high + max(high // 2, _LITTLE))

    def draw(self, chance: Random, size: float) -> int:
        if chance.random() < 0.25:
            return chance.choice([value for value in (0, 1, 2, self.low, self.high) if self.low <= value <= self.high])
        reach = max(2, math.ceil((self.high - max(self.low, 0)) * size))
        return chance.randint(max(self.low, -reach), min(self.high, max(self.low, 0) + reach))

    def vary(self, value: int, chance: Random) -> int:
        near = [value + step for step in (-2, -1, 1, 2)] + [value // 2, value * 2, -value, 0, 1]
        allowed = [number for number in near if self.low <= number <= self.high and number != value]
        return chance.choice(allowed) if allowed else self.draw(chance, 0.5)

    def admits(self, value: Any) -> bool:
        return type(value) is int and (value >= 0 or self.low < 0)


@dataclass(frozen=True, slots=True)
class Floats:
    """Floating-point numbers, with as many decimals as the examples."""

    low: float
    high: float
    decimals: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Floats:
        finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        decimals = max((len(text.partition(".")[2]) for text in map(repr, finite) if "e" not in text), default=2)
        reach = max(abs(low), abs(high), 1.0) * 1.5
        return cls(-reach if low < 0 else 0.0 if low == 0 else min(low, 1.0), reach, min(decimals, 6))

    def draw(self, chance: Random, size: float) -> float:
        return round(chance.uniform(self.low, self.low + (self.high - self.low) * max(size, 0.2)), self.decimals)

    def vary(self, value: float, chance: Random) -> float:
        if not math.isfinite(value):
            return self.draw(chance, 0.5)
        step = 10.0**-self.decimals
        varied = chance.choice([value + step, value - step, value * 2, value / 2, float(round(value))])
        return round(min(max(varied, self.low), self.high), self.decimals)

    def admits(self, value: Any) -> bool:
        return type(value) in (int, float) and math.isfinite(value) and (value >= 0 or self.low < 0)


@dataclass(frozen=True, slots=True)
class Texts:
    """Text over an alphabet. Where all examples have one pattern (`2024-01-31`), only its numbers change."""

    alphabet: str
    low: int
    high: int
    """Least and greatest length."""
    pattern: tuple[tuple[str, int, int, int], ...] = ()
    """For each piece, its fixed text, or the least and greatest number and its width."""

    @classmethod
    def of(cls, values: Sequence[str]) -> Texts:
        characters = set("".join(values))
        for letters in _CLASSES:
            if len(characters & set(letters)) >= _ENOUGH:
                characters |= set(letters)
        lengths = [len(value) for value in values]
        return cls("".join(sorted(characters)), (min(lengths) + 1) // 2, max(lengths), _pattern(values))

    def draw(self, chance: Random, size: float) -> str:
        if self.pattern:
            return "".join(
                fixed or str(chance.randint(low, high)).zfill(width) for fixed, low, high, width in self.pattern
            )
        if not self.alphabet:
            return ""
        most = max(self.low, math.ceil(self.high * 1.3 * size))
        few = chance.sample(self.alphabet, min(len(self.alphabet), chance.choice((1, 2, 3, len(self.alphabet)))))
        return "".join(chance.choice(few) for _ in range(chance.randint(self.low, most)))

    def vary(self, value: str, chance: Random) -> str:
        if self.pattern or not value or not self.alphabet:
            return self.draw(chance, 0.7)
        at, other = chance.randrange(len(value)), chance.randrange(len(value))
        varied = chance.choice(
            [
                value[:at] + value[at + 1 :],
                value[:at] + value[at] + value[at:],
                value[:at] + chance.choice(self.alphabet) + value[at + 1 :],
                value[:at] + chance.choice(self.alphabet) + value[at:],
                value[:at] + value[other] + value[at + 1 :],
                value[::-1],
                value[:at],
                value[at:],
            ]
        )
        return varied if len(varied) >= self.low else value

    def admits(self, value: Any) -> bool:
        if type(value) is not str or len(value) < self.low:
            return False
        return not self.pattern or _DIGITS.sub("0", value) == "".join(fixed or "0" for fixed, *_ in self.pattern)


_DIGITS = re.compile(r"[0-9]+")


def _pattern(values: Sequence[str]) -> tuple[tuple[str, int, int, int], ...]:
    """Split texts that differ in their numbers alone into pieces. Others, and plain numbers, give none."""
    shapes = {_DIGITS.sub("0", value) for value in values}
    if len(shapes) > 1 or len(values) < 2 or "0" not in (shape := shapes.pop()) or shape == "0":
        return ()
    numbers = [_DIGITS.findall(value) for value in values]
    pieces: list[tuple[str, int, int, int]] = []
    for index, fixed in enumerate(shape.split("0")):
        if index:
            group = [row[index - 1] for row in numbers]
            width = len(group[0]) if len(set(map(len, group))) == 1 else 1
            pieces.append(("", min(map(int, group)), max(map(int, group)), width))
        if fixed:
            pieces.append((fixed, 0, 0, 0))
    return tuple(pieces)
