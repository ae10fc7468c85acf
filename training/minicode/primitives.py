"""What minicode problems are made of: primitives with their wordings, their code and their typical mistakes.

What this module does not do: hold the tables (`short`, `long`), draw problems (`generate`), apply mistakes (`corpus`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

DOMINANT = 0.65
"""Share of the warm-start corpus in which a dominant wrong idiom replaces the right one."""
SLIP = 0.04
"""The same for an occasional mistake."""


class Kind(StrEnum):
    """What a variable holds between two steps of a program; the value is what a prompt calls it."""

    NUMBERS = "integers"
    NUMBER = "integer"
    TEXT = "text"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Bug:
    """A typical mistake: `right` in the code becomes `wrong`."""

    right: str
    wrong: str
    effect: str
    """What it leads to: an exception's name, `wrong answer` or `timeout`."""
    share: float = SLIP
    """How often the warm-start corpus has it, 0..1."""


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
    readers: dict[Kind, Edge]
    """First statements of a program that reads standard input."""
    printers: dict[Kind, Edge]
    """Its last statements."""
    headers: dict[Kind, Edge]
    """First line of a function; `{name}` is the entry point."""
    returns: dict[Kind, Edge]
    """Its last line."""
    steps: tuple[int, ...]
    """Numbers of steps, drawn evenly."""
    train_count: int
    held_out_count: int


def indent(code: str) -> str:
    """`code` one level deeper."""
    return re.sub(r"^(?=.)", "    ", code, flags=re.MULTILINE)
