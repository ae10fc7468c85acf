"""Learn how the arguments of one call depend on each other in the existing tests, and keep new calls that way.

An `n` that is always the length of a list stays its length, an index stays inside, and `low <= high` stays true. Only
the kinds below are found, and none inside of containers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

_SIZED = (list, tuple, str)


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation that holds between the arguments at two places in all examples."""

    kind: str
    first: int
    second: int


def learn_relations(examples: Sequence[Sequence[Any]]) -> tuple[Relation, ...]:
    """Learn all relations that hold in every example. Of several on one pair of places, take the tightest."""
    found: list[Relation] = []
    for first, second in permutations(range(min(map(len, examples))), 2):
        for kind, (holds, _) in _KINDS.items():
            if all(holds(example[first], example[second]) for example in examples):
                found.append(Relation(kind, first, second))
                break
    return tuple(found)


def repaired(arguments: list[Any], relations: Sequence[Relation]) -> list[Any] | None:
    """Restore the relations by changing the first argument of each pair. Return None where that fails."""
    for _ in range(2):  # one repair may undo another
        for relation in relations:
            holds, repair = _KINDS[relation.kind]
            if not holds(arguments[relation.first], arguments[relation.second]):
                arguments[relation.first] = repair(arguments[relation.first], arguments[relation.second])
    kept = all(
        _KINDS[relation.kind][0](arguments[relation.first], arguments[relation.second]) for relation in relations
    )
    return arguments if kept else None


def _number(value: Any) -> bool:
    return type(value) is int


def _is_length(number: Any, items: Any) -> bool:
    return _number(number) and isinstance(items, _SIZED) and number == len(items)


def _is_last(number: Any, items: Any) -> bool:
    return _number(number) and isinstance(items, _SIZED) and number == len(items) - 1


def _is_index(number: Any, items: Any) -> bool:
    return _number(number) and isinstance(items, _SIZED) and 0 <= number < len(items)


def _is_count(number: Any, items: Any) -> bool:
    return _number(number) and isinstance(items, _SIZED) and 0 <= number <= len(items)


def _same_length(one: Any, other: Any) -> bool:
    return isinstance(one, _SIZED) and isinstance(other, _SIZED) and len(one) == len(other)


def _less(one: Any, other: Any) -> bool:
    return _number(one) and _number(other) and one < other


def _no_more(one: Any, other: Any) -> bool:
    return _number(one) and _number(other) and one <= other


def _is_item(one: Any, items: Any) -> bool:
    if isinstance(items, str):
        return isinstance(one, str) and len(one) == 1 and one in items
    return isinstance(items, list | tuple) and not isinstance(one, list | tuple) and one in items


def _fitted(one: Any, other: Any) -> Any:
    """Cut or repeat `one` to the length of `other`."""
    if not len(one):
        return one
    return (one * (len(other) // len(one) + 1))[: len(other)]


_Repair = Callable[[Any, Any], Any]
_KINDS: dict[str, tuple[Callable[[Any, Any], bool], _Repair]] = {
    "length": (_is_length, lambda _, items: len(items)),
    "last": (_is_last, lambda _, items: len(items) - 1),
    "item": (_is_item, lambda _, items: items[len(items) // 2] if items else None),
    "index": (_is_index, lambda number, items: number % len(items) if items else 0),
    "count": (_is_count, lambda number, items: number % (len(items) + 1)),
    "same length": (_same_length, _fitted),
    "less": (_less, lambda number, other: min(number, other - 1)),
    "no more": (_no_more, lambda _, other: other),
}
"""By kind, from the tightest on: a test whether it holds, and a change to the first argument so that it does."""
