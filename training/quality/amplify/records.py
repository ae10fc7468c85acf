"""The settings and the results of amplifying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine import Problem, Test
from training.quality.amplify.shapes import Given


@dataclass(frozen=True, slots=True)
class AmplifySettings:
    """Limits on what is tried and kept for each problem."""

    workers: int = 1
    candidates: int = 100
    """Number of new inputs to try."""
    mutants: int = 40
    """Maximum number of mutants of the reference."""
    most: int = 10
    """Maximum number of new tests to keep."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Added:
    """A new test's origin, and what it is good for."""

    test: Test
    origin: str
    """`mutation` (of arguments), `grammar` (of standard input) or `model`."""
    references: int
    """Number of references that agree on its output."""
    catches: tuple[str, ...]
    """Mutants (operator, line, change) and programs that it catches and the old tests let pass."""


@dataclass(frozen=True, slots=True)
class Amplified:
    """One problem with what was added."""

    problem: Problem
    """The problem with the new tests after the old ones."""
    left_out: str
    """Why nothing was tried, or an empty text."""
    added: tuple[Added, ...] = ()
    candidates: int = 0
    rejected: tuple[tuple[str, int], ...] = ()
    """Number of inputs that became no test, by reason."""
    mutants: int = 0
    caught_before: int = 0
    caught_after: int = 0
    programs: int = 0
    """Number of given programs that pass the old tests."""
    programs_caught: int = 0
    """Number of those that a new test catches."""
    seconds: float = 0.0


class Candidate(NamedTuple):
    """A new input."""

    given: Given
    origin: str
    """Its origin, as in `Added`."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A program that the old tests let pass."""

    program: str
    name: str
    """A short text for display."""
    mutant: bool
