"""What amplifying is told and what it gives back.

What this module does not do: amplify.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine import Problem, Test
from training.amplify.shapes import Given


@dataclass(frozen=True, slots=True)
class AmplifySettings:
    """How much is tried and kept for each problem."""

    workers: int = 1
    candidates: int = 100
    """New inputs to try."""
    mutants: int = 40
    """Most mutants of the reference."""
    most: int = 10
    """New tests to keep."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Added:
    """Where a new test comes from and what for."""

    test: Test
    origin: str
    """`mutation` (of arguments), `grammar` (of standard input) or `model`."""
    references: int
    """How many references agree on its output."""
    catches: tuple[str, ...]
    """Mutants (operator, line, change) and programs that the old tests let pass."""


@dataclass(frozen=True, slots=True)
class Amplified:
    """One problem with what was added."""

    problem: Problem
    """With the new tests after the old ones."""
    left_out: str
    """Why nothing was tried; empty where something was."""
    added: tuple[Added, ...] = ()
    candidates: int = 0
    rejected: tuple[tuple[str, int], ...] = ()
    """Inputs that no test was made of, by reason."""
    mutants: int = 0
    caught_before: int = 0
    caught_after: int = 0
    programs: int = 0
    """Given programs that pass the old tests."""
    programs_caught: int = 0
    """Of them, those that a new test catches."""
    seconds: float = 0.0


class Candidate(NamedTuple):
    """A new input."""

    given: Given
    origin: str
    """As in `Added`."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A program that the old tests let pass."""

    program: str
    name: str
    """For display."""
    mutant: bool
