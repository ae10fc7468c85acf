"""Propose arguments for calls that look like those of the existing tests, by mutating, mixing and drawing anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from random import Random
from typing import Any

from training.quality.amplify.domains import Domain, learn
from training.quality.amplify.relations import learn_relations, repaired

_FRUITLESS = 100
"""Attempts in a row without anything new after which the domain counts as used up."""


class Calls:
    """A model of the arguments of the existing calls.

    Examples of different types, such as lists of numbers and lists of words, are learned apart so that they do not mix.
    """

    def __init__(self, examples: Sequence[tuple[Any, ...]]) -> None:
        """Learn from the calls that have the most common number of arguments."""
        arities = [len(example) for example in examples]
        self.arity = max(sorted(set(arities)), key=arities.count)
        examples = [example for example in examples if len(example) == self.arity]
        self._groups = [(group, self._learn(group)) for group in _grouped(examples)]
        self._relations = learn_relations(examples)
        self._seen = {repr(example) for example in examples}

    def _learn(self, examples: Sequence[tuple[Any, ...]]) -> list[Domain]:
        return [learn([example[place] for example in examples]) for place in range(self.arity)]

    def admits(self, arguments: tuple[Any, ...]) -> bool:
        """Say whether a call looks like the examples."""
        if len(arguments) != self.arity:
            return False
        if not any(
            all(domain.admits(value) for domain, value in zip(domains, arguments, strict=True))
            for _, domains in self._groups
        ):
            return False
        return repaired(list(deepcopy(arguments)), self._relations) == list(arguments)

    def propose(self, chance: Random) -> Iterator[tuple[Any, ...]]:
        """Yield new calls, each once and none of the examples, until nothing new is found."""
        seen = set(self._seen)
        fruitless = 0
        while fruitless < _FRUITLESS and self.arity:
            arguments = self._one(chance)
            if arguments is None or repr(arguments) in seen:
                fruitless += 1
                continue
            fruitless = 0
            seen.add(repr(arguments))
            yield arguments

    def _one(self, chance: Random) -> tuple[Any, ...] | None:
        examples, domains = chance.choice(self._groups)
        choice = chance.random()
        if choice < 0.5:  # near an example
            arguments = list(deepcopy(chance.choice(examples)))
            for _ in range(chance.choice((1, 1, 2, 3))):
                place = chance.randrange(self.arity)
                arguments[place] = domains[place].vary(arguments[place], chance)
        elif choice < 0.6:  # arguments of several examples
            arguments = [deepcopy(chance.choice(examples)[place]) for place in range(self.arity)]
        else:
            size = chance.choice((0.0, 0.2, 0.5, 0.8, 1.0))
            arguments = [domain.draw(chance, size) for domain in domains]
        fixed = repaired(arguments, self._relations)
        found = None if fixed is None else tuple(map(_unshared, fixed))
        return found if found is not None and self.admits(found) else None


def _unshared(value: Any) -> Any:
    """Copy a value so that no container occurs twice, because two written into a test would be separate objects."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return type(value)(map(_unshared, value)) if type(value) in (list, tuple) else value


def _grouped(examples: Sequence[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """Group the examples by their nested types. Those with empty containers go to the first group that may fit."""
    groups: dict[object, list[tuple[Any, ...]]] = {}
    unclear = []
    for example in examples:
        types = _types(example)
        if types is None:
            unclear.append(example)
        else:
            groups.setdefault(types, []).append(example)
    for example in unclear:
        outer = [type(value) for value in example]
        fitting = [group for group in groups.values() if [type(value) for value in group[0]] == outer]
        (fitting[0] if fitting else groups.setdefault(str(outer), [])).append(example)
    return list(groups.values())


def _types(value: Any) -> object:
    """Return the nested types of a value, with one type for all numbers and None for an empty container."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    if not isinstance(value, list | tuple | set | frozenset | dict):
        return type(value).__name__
    items = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
    inner = {_types(item) for item in items}
    return None if not inner or None in inner else (type(value).__name__, frozenset(inner))
