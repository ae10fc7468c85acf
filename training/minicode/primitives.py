"""What minicode problems are made of: primitives with their wordings, their code and their typical mistakes.

What this module does not do: hold the tables (`short`, `long`), draw problems (`generate`), apply mistakes (`corpus`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

DOMINANT = 0.65
"""Share of the warm-start corpus in which a dominant wrong idiom replaces the right one."""
FREQUENT = 0.2
"""The same for a mistake that is common, but rarer than the right idiom."""
SLIP = 0.04
"""The same for an occasional mistake."""


class Kind(StrEnum):
    """What a variable holds between two steps of a program; the value is what a prompt calls it."""

    NUMBERS = "integers"
    NUMBER = "integer"
    TEXT = "text"
    WORDS = "words"
    SCORES = "scores"
    """A dictionary from names to integers."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A typical mistake: `right` in the code becomes `wrong`."""

    right: str
    wrong: str
    effect: str
    """What it leads to: an exception's name, `wrong answer` or `timeout`."""
    share: float = SLIP
    """How often the warm-start corpus has it, 0..1."""


def often(right: str, wrong: str, effect: str) -> tuple[Bug, ...]:
    """The dominant wrong idiom of a primitive."""
    return (Bug(right, wrong, effect, DOMINANT),)


def rarely(right: str, wrong: str, effect: str) -> tuple[Bug, ...]:
    """An occasional mistake of a primitive."""
    return (Bug(right, wrong, effect),)


@dataclass(frozen=True, slots=True)
class Primitive:
    """One step of a problem: how prompts word it, and the statements that carry it out.

    `{k}` in wordings, code and bugs stands for the parameter, drawn from `parameters`.
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
    """A primitive with its parameter (empty where it has none)."""

    primitive: Primitive
    parameter: str = ""

    def fill(self, template: str) -> str:
        """`template` with the parameter put in."""
        return template.replace("{k}", self.parameter)


@dataclass(frozen=True, slots=True)
class Edge:
    """How a program of one shape takes in or gives out a value of one kind."""

    code: str
    bugs: tuple[Bug, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """All that tells one tier from another."""

    name: str
    primitives: tuple[Primitive, ...]
    variables: dict[Kind, str]
    """Name of the variable that holds a value between two steps."""
    inputs: dict[Kind, tuple[str, ...]]
    """What prompts call the input: of a function first, then others for standard input."""
    stdin: Callable[[object], str]
    """The input as the readers expect it (`one_line`, `rows`)."""
    readers: dict[Kind, Edge]
    """First statements of a program that reads standard input."""
    printers: dict[Kind, Edge]
    """Its last statements."""
    headers: dict[Kind, Edge]
    """First line of a function; `{name}` is the entry point."""
    returns: dict[Kind, Edge]
    """Its last line."""
    steps: tuple[int, ...]
    """Numbers of steps of a problem, drawn evenly."""
    lines: range
    """Numbers of lines of a reference solution."""
    corpus_steps: tuple[tuple[int, ...], ...]
    """Numbers of steps in the warm-start corpus, one tuple for each equal part of it."""
    parameter_emphasis: int
    """How many times likelier the corpus draws a step with a parameter: copying it is what a tiny model learns last."""
    train_count: int
    held_out_count: int


def one_line(value: object) -> str:
    """A value on one line, list items between blanks."""
    return (" ".join(map(str, value)) if isinstance(value, list) else str(value)) + "\n"


def rows(value: object) -> str:
    """A list or dictionary as a count and then one line for each item; anything else on one line."""
    if isinstance(value, dict):
        return "\n".join([str(len(value)), *(f"{name} {score}" for name, score in value.items())]) + "\n"
    if isinstance(value, list):
        return "\n".join([str(len(value)), *map(str, value)]) + "\n"
    return f"{value}\n"


def indent(code: str) -> str:
    """`code` one level deeper."""
    return re.sub(r"^(?=.)", "    ", code, flags=re.MULTILINE)
