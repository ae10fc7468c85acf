"""Primitives are what minicode problems are made of: wordings, code and typical mistakes of one step.

The tables are in `short` and `long`. `generate` draws problems from them, and `corpus` applies the mistakes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DOMINANT = 0.65
"""Share of the warm-start corpus in which a dominant wrong idiom replaces the right one."""
FREQUENT = 0.2
"""Share of a mistake that is common, but rarer than the right idiom."""
SLIP = 0.04
"""Share of an occasional mistake."""


class Kind(StrEnum):
    """The kind of value that a variable holds between two steps. The enum's value is its name in a prompt."""

    NUMBERS = "integers"
    NUMBER = "integer"
    TEXT = "text"
    WORDS = "words"
    SCORES = "scores"
    """A dictionary from names to integers."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A typical mistake that turns `right` in the code into `wrong`."""

    right: str
    wrong: str
    effect: str
    """The mistake's effect: an exception's name, `wrong answer` or `timeout`."""
    share: float = SLIP
    """How often the warm-start corpus has it, from 0 to 1."""


def often(right: str, wrong: str, effect: str) -> tuple[Bug, ...]:
    """Make the dominant wrong idiom of a primitive."""
    return (Bug(right, wrong, effect, DOMINANT),)


def rarely(right: str, wrong: str, effect: str) -> tuple[Bug, ...]:
    """Make an occasional mistake of a primitive."""
    return (Bug(right, wrong, effect),)


@dataclass(frozen=True, slots=True)
class Primitive:
    """One step of a problem. It has wordings for prompts, and the statements that carry it out.

    `{k}` in wordings, code and bugs stands for the parameter, which is drawn from `parameters`.
    """

    name: str
    takes: Kind
    gives: Kind
    code: str
    wordings: tuple[str, ...]
    bugs: tuple[Bug, ...]
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A primitive with its parameter, which is empty where it has none."""

    primitive: Primitive
    parameter: str = ""

    def fill(self, template: str) -> str:
        """Put the parameter into `template`."""
        return template.replace("{k}", self.parameter)


@dataclass(frozen=True, slots=True)
class Edge:
    """The statements by which a program of one shape takes in or gives out a value of one kind."""

    code: str
    bugs: tuple[Bug, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """Everything in which tiers differ."""

    name: str
    primitives: tuple[Primitive, ...]
    variables: dict[Kind, str]
    """Name of the variable that holds a value between two steps."""
    inputs: dict[Kind, tuple[str, ...]]
    """Names of the input in prompts. The first is for functions, and the others are for standard input."""
    stdin: Callable[[object], str]
    """The input as the readers expect it (`one_line`, `rows`)."""
    readers: dict[Kind, Edge]
    """First statements of a program that reads standard input."""
    printers: dict[Kind, Edge]
    """Its last statements."""
    headers: dict[Kind, Edge]
    """First line of a function. `{name}` is the entry point."""
    returns: dict[Kind, Edge]
    """Its last line."""
    steps: tuple[int, ...]
    """Numbers of steps of a problem, drawn evenly."""
    lines: range
    """Numbers of lines of a reference solution."""
    corpus_steps: tuple[tuple[int, ...], ...]
    """Numbers of steps in the warm-start corpus, one tuple for each equal part of it."""
    parameter_emphasis: int
    """How many times as likely the corpus draws a step with a parameter. A tiny model learns last to copy it."""
    train_count: int
    held_out_count: int
    one_weakness: bool = False
    """Whether exactly one step of a problem has mistakes in the corpus."""
    references: bool = True
    """Whether problems come with their references, unless they are asked for."""
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other right codes of a step, by its name, which the corpus has as often as the first."""
    drawn_as: str = ""
    """Name of the tier that has the same problems. Empty where none has."""
    vary: Callable[[str, random.Random], str] | None = None
    """Rewrites a block of the corpus without changing what it computes."""


def one_line(value: object) -> str:
    """Write a value on one line, with blanks between list items."""
    return (" ".join(map(str, value)) if isinstance(value, list) else str(value)) + "\n"


def rows(value: object) -> str:
    """Write a list or dictionary as a count and then one line for each item, and anything else on one line."""
    if isinstance(value, dict):
        return "\n".join([str(len(value)), *(f"{name} {score}" for name, score in value.items())]) + "\n"
    if isinstance(value, list):
        return "\n".join([str(len(value)), *map(str, value)]) + "\n"
    return f"{value}\n"


def indent(code: str) -> str:
    """Indent `code` by one level."""
    return re.sub(r"^(?=.)", "    ", code, flags=re.MULTILINE)
