"""Propose standard inputs of an inferred grammar. Every count stays equal to what it counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from training.quality.amplify.grammar import Count, Env, Field, Fields, Item, Repeat, Row, infer

_FRUITLESS = 100
_ATTEMPTS = 10
_MOST = 12
"""Maximum number of lines and tokens that a count may ask for, unless the examples have more."""


class _DeadEndError(Exception):
    """A count was drawn that cannot be kept."""


class Inputs:
    """A model of the existing standard inputs."""

    def __init__(self, examples: Sequence[str]) -> None:
        """Learn from texts. `understood` says whether they have a grammar."""
        self._examples = tuple(examples)
        self._grammar = infer(examples)
        self._newline = "\n" if any(text.endswith("\n") for text in examples) else ""
        self._counting = _counting(self._grammar or ())

    @property
    def understood(self) -> bool:
        return self._grammar is not None

    def admits(self, text: str) -> bool:
        """Say whether a text fits the grammar, which means that the examples with it have one of the same shape."""
        if self._grammar is None:
            return False
        with_it = infer([*self._examples, text])
        return with_it is not None and _shape(with_it) == _shape(self._grammar)

    def propose(self, chance: Random) -> Iterator[str]:
        """Yield new texts, each once and none of the examples, until nothing new is found."""
        seen = {text.strip() for text in self._examples}
        fruitless = 0
        while fruitless < _FRUITLESS and self._grammar is not None:
            try:
                text = "\n".join(self._lines(self._grammar, {}, chance, chance.choice((0.0, 0.3, 0.6, 1.0)), {}))
            except _DeadEndError:
                text = ""
            if not text.strip() or text.strip() in seen:
                fruitless += 1
                continue
            fruitless = 0
            seen.add(text.strip())
            yield text + self._newline

    def _lines(
        self, items: Sequence[Item], env: Env, chance: Random, size: float, said: dict[int, set[int]]
    ) -> list[str]:
        """Write the lines of some items. `said` has the labels that this block already used, by field."""
        lines: list[str] = []
        for item in items:
            if isinstance(item, Repeat):
                labels: dict[int, set[int]] = {}
                for _ in range(_so_many(item.count, env)):
                    lines += self._lines(item.body, dict(env), chance, size, labels)
            elif isinstance(item, Row):
                lines.append(" ".join(map(str, self._row(item, env, chance, size))))
            else:
                lines.append(" ".join(self._fields(item, env, chance, size, said)))
        return lines

    def _fields(self, item: Fields, env: Env, chance: Random, size: float, said: dict[int, set[int]]) -> list[str]:
        example = chance.choice(item.examples) if chance.random() < 0.4 else None
        tokens = []
        known = len(env)
        for place, field in enumerate(item.fields):
            token = example[place] if example is not None and field.bound is None and field.length is None else None
            if token is None:
                token = str(self._token(field, env, chance, size, said))
            if field.variable is not None:
                env[known] = int(token)
                known += 1
            tokens.append(token)
        return tokens

    def _token(self, field: Field, env: Env, chance: Random, size: float, said: dict[int, set[int]]) -> Any:
        if field.bound is not None and field.variable is not None:
            before = said.setdefault(field.variable, set()) if field.distinct else set()
            most = field.bound.of(env)
            for _ in range(_ATTEMPTS if most > 0 else 0):
                if (label := chance.randint(1, most)) not in before:
                    before.add(label)
                    return label
            raise _DeadEndError
        if field.length is not None:
            return _exactly(field, _so_many(field.length, env), chance)
        value = field.domain.draw(chance, size)
        if field.variable in self._counting and type(value) is int:
            value = max(1, min(value, max(_MOST, getattr(field.domain, "high", 0) // 2)))
        return value

    def _row(self, item: Row, env: Env, chance: Random, size: float) -> list[Any]:
        count = chance.randint(1, max(item.items.high, 1)) if item.count is None else _so_many(item.count, env)
        for _ in range(_ATTEMPTS):
            if item.bound is not None:
                most = item.bound.of(env)
                if most < 1:
                    raise _DeadEndError
                values = [chance.randint(1, most) for _ in range(count)]
            else:
                values = [item.items.item.draw(chance, size) for _ in range(count)]
            if count and chance.random() < 0.3:  # equal neighbours reveal faults
                values[chance.randrange(count)] = values[0]
            kept: list[Any] = item.items.keep(values, chance)
            if len(kept) == count:
                return kept
        raise _DeadEndError


def _so_many(count: Count, env: Env) -> int:
    number = count.of(env)
    if not 0 <= number <= 1000:
        raise _DeadEndError
    return number


def _exactly(field: Field, length: int, chance: Random) -> str:
    alphabet = getattr(field.domain, "alphabet", "") or "".join(getattr(field.domain, "values", ("a",)))
    return "".join(chance.choice(alphabet) for _ in range(length))


def _counting(items: Sequence[Item]) -> set[int]:
    """Return the numbers of the counts that something depends on."""
    found: set[int] = set()
    for item in items:
        if isinstance(item, Repeat):
            found |= {item.count.variable} | _counting(item.body)
        elif isinstance(item, Row):
            found |= {count.variable for count in (item.count, item.bound) if count is not None}
        else:
            for field in item.fields:
                found |= {count.variable for count in (field.length, field.bound) if count is not None}
    return found


def _shape(items: Sequence[Item]) -> object:
    """Return a grammar without its values."""
    shapes: list[object] = []
    for item in items:
        if isinstance(item, Repeat):
            shapes.append(("repeat", item.count, _shape(item.body)))
        elif isinstance(item, Row):
            shapes.append(("row", item.count, type(item.items.item)))
        else:
            shapes.append([(type(field.domain), field.length) for field in item.fields])
    return shapes
