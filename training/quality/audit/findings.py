"""The records of an audit: one per problem, with what is wrong with it and whether to drop it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from training.quality.audit.mutants import Mutant


class Kind(StrEnum):
    """What may be wrong with a problem."""

    NO_TESTS = "no-tests"
    NO_REFERENCE = "no-reference"
    CONTRADICTION = "contradictory-tests"
    CUT_TEST = "cut-test"
    CARRIAGE_RETURN = "carriage-return"
    SEVERAL_ANSWERS = "several-answers"
    BROKEN_CHECKER = "broken-checker"
    MISSING_PACKAGE = "missing-package"
    INEXACT = "inexact-number"
    ORDER = "order-of-elements"
    WRONG_REFERENCE = "wrong-reference"
    FLAKY_REFERENCE = "flaky-reference"
    SLOW_REFERENCE = "slow-reference"
    TRIVIAL = "trivial"
    ONE_CALL = "one-call"
    ONE_ANSWER = "one-answer"
    WEAK_TESTS = "weak-tests"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    HELD_OUT = "held-out"
    NO_MUTANTS = "no-mutants"
    NOT_JUDGED = "not-judged"


MEANINGS = {
    Kind.NO_TESTS: "it has no tests",
    Kind.NO_REFERENCE: "it has no reference solution, so neither answers nor tests can be checked",
    Kind.CONTRADICTION: "tests give the same input and expect different outputs: no program passes both",
    Kind.CUT_TEST: "an input or an expected output ends in an ellipsis: it was cut",
    Kind.CARRIAGE_RETURN: "an input or an expected output has carriage returns",
    Kind.SEVERAL_ANSWERS: "its text allows several right answers and it has no checker: right programs fail",
    Kind.BROKEN_CHECKER: "its checker cannot be loaded, or fails on what a reference answers",
    Kind.MISSING_PACKAGE: "a reference needs a package that the sandbox lacks",
    Kind.INEXACT: "an expected number differs from the reference's in its last digits only",
    Kind.ORDER: "the reference gives the expected elements in another order: of a set, or of no matter",
    Kind.WRONG_REFERENCE: "a reference fails the tests; dropped where more of them are wrong than right",
    Kind.FLAKY_REFERENCE: "a reference gives other verdicts with other seeds; dropped where no other one is right",
    Kind.SLOW_REFERENCE: "a reference needs a large share of the time limit for a test",
    Kind.TRIVIAL: "a program without an idea passes all tests",
    Kind.ONE_CALL: "one built-in function of the input passes all tests: an easy problem, or weak tests",
    Kind.ONE_ANSWER: "all tests expect the same answer",
    Kind.WEAK_TESTS: "the tests catch too few mutants of the reference",
    Kind.DUPLICATE: "an earlier problem has the same prompt or the same tests",
    Kind.NEAR_DUPLICATE: "an earlier problem has nearly the same prompt or tests",
    Kind.HELD_OUT: "a held-out problem has the same or nearly the same prompt or tests",
    Kind.NO_MUTANTS: "no mutants could be made of the reference, so the tests are not measured",
    Kind.NOT_JUDGED: "something could not be judged; our own failure",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a problem."""

    kind: Kind
    detail: str
    """Hostile text in it (error messages) is escaped where it is shown."""
    drop: bool
    """Whether it is a reason to leave the problem out."""


@dataclass(frozen=True, slots=True)
class ReferenceAudit:
    """One reference solution, judged several times."""

    index: int
    verdicts: tuple[str, ...]
    """One for each run."""
    seconds: float
    """CPU seconds of its slowest test."""
    flaky: bool
    """Whether two runs differ in the verdict on a test."""
    why: str = ""
    """The first error, or how many tests failed. Empty if it passed."""
    cause: Kind | None = None
    """What is wrong with the tests that it fails, where that is known."""

    @property
    def right(self) -> bool:
        """Whether it passed in every run."""
        return set(self.verdicts) == {"passed"}


@dataclass(frozen=True, slots=True)
class JudgedMutant:
    """A mutant, and what the tests say to it."""

    mutant: Mutant
    caught: bool


@dataclass(frozen=True, slots=True)
class ProblemAudit:
    """What was found out about one problem."""

    id: str
    tests: int
    references: tuple[ReferenceAudit, ...]
    trivial: tuple[str, ...]
    """Trivial programs that pass."""
    mutants: tuple[JudgedMutant, ...]
    findings: tuple[Finding, ...]
    seconds: float
    """On the clock, while other problems were audited too."""

    @property
    def score(self) -> float | None:
        """Share of the mutants that the tests catch, 0..1. None where there are none."""
        return sum(mutant.caught for mutant in self.mutants) / len(self.mutants) if self.mutants else None

    @property
    def dropped(self) -> bool:
        """Whether the filtered set leaves it out."""
        return any(finding.drop for finding in self.findings)
