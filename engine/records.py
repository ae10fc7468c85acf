"""The records that flow out of the engine: problems, tests, executions, diagnostics, reports.

Every record is immutable. Positions are byte offsets into the program as the policy wrote it. The engine knows no
tokens and no rewards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias


class Verdict(StrEnum):
    """Outcome of one test, or of a program (then the worst of its tests)."""

    PASSED = "passed"
    FAILED = "failed"
    """Ran to its end with at least one wrong answer."""
    ERROR = "error"
    """Did not run to its end; `ProgramError.kind` says how."""
    INFRA = "infra"
    """Our own fault, never the program's: retried, then masked out of the loss."""


class ErrorKind(StrEnum):
    """The way in which a program failed to run to its end."""

    SYNTAX = "syntax"
    """Rejected by the compiler before any line ran (no run-time exception can claim this kind)."""
    RUNTIME = "runtime"
    """An exception left the program; `ProgramError.type` names it."""
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    CRASHED = "crashed"
    """The interpreter died of a signal or left without an answer."""


class Source(StrEnum):
    """The tool that made a diagnostic."""

    RUNTIME = "runtime"
    SYNTAX = "syntax"
    PYLINT = "pylint"
    LIBCST = "libcst"
    COVERAGE = "coverage"
    REFERENCE = "reference"
    """The states of a reference solution."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of UTF-8 bytes of the program text, with its place for display.

    Bytes, because tokens are bytes and CPython's positions are bytes.
    """

    start_byte: int
    end_byte: int
    line: int
    """First line, 1-based."""
    column: int
    """First column, 0-based, in characters."""
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class StdinTest:
    """Feeds `stdin` to the program, whose standard output must match `expected`."""

    stdin: str
    expected: str


@dataclass(frozen=True, slots=True)
class CallTest:
    """Calls the entry point, whose return value must match `expected` (JSON-like plain data)."""

    args: tuple[object, ...]
    expected: object
    kwargs: dict[str, object] = field(default_factory=dict)

    @property
    def arguments(self) -> str:
        """The arguments as a call writes them, such as `[1, 2], key=3`."""
        return ", ".join([*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())])


@dataclass(frozen=True, slots=True)
class AssertTest:
    """Python source that the referee runs with the program's functions as stubs. It passes if nothing is raised.

    For MBPP it is one `assert`, and for HumanEval the `check` function and its call.
    """

    source: str


Test: TypeAlias = StdinTest | CallTest | AssertTest


class ComparisonRule(StrEnum):
    """The rule by which an output is compared with the expected one (see `engine.comparison`)."""

    STRICT = "strict"
    APPS = "apps"
    """As lax as the published APPS harness: for comparison with published numbers only."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A programming problem with its tests."""

    id: str
    tests: tuple[Test, ...]
    prompt: str = ""
    starter_code: str = ""
    entry_point: str | None = None
    """Name of the function that call tests call (top level, or a method of `class Solution`)."""
    prelude: str = ""
    """Source executed in the program's namespace before it; linters know its names, its lines never count."""
    setup: str = ""
    """Source the referee runs before the assert tests (MBPP `test_setup_code`)."""
    references: tuple[str, ...] = ()
    """Reference solutions."""
    public_tests: tuple[Test, ...] = ()
    """The tests its text shows: for filtering, critic sampling and repair. Those it is judged by as well are in `tests`
    too; a data set may show tests that it does not judge by (HumanEval's doctests). `public_view` judges by these."""
    difficulty: str = ""
    source: str = ""
    """The data set it comes from."""
    comparison: ComparisonRule = ComparisonRule.STRICT
    checker: str = ""
    """Decides in place of the comparison where there are several right answers: the name of a rule
    (`engine.sandbox.rules`), or Python source of `check(input, expected, actual)`, which runs apart from programs."""
    time_limit: float | None = None
    """CPU seconds for one test; None takes the judge's limit."""

    @property
    def public_indices(self) -> tuple[int, ...]:
        """List the indices into `tests` of those that are public too."""
        return tuple(index for index, test in enumerate(self.tests) if test in self.public_tests)

    def public_view(self) -> Problem:
        """Give the same problem, judged by its public tests alone.

        Raises:
            ValueError: It has none.
        """
        if not self.public_tests:
            raise ValueError(f"problem {self.id!r} has no public tests")
        return replace(self, tests=self.public_tests)


@dataclass(frozen=True, slots=True)
class Frame:
    """One traceback frame that lies in the program's own text."""

    function: str
    span: Span


@dataclass(frozen=True, slots=True)
class ProgramError:
    """The reason why a program, or one test of it, did not run to its end."""

    kind: ErrorKind
    type: str
    """Exception class name; `TimeoutError`, `MemoryError`, `OutputLimit` or a signal's name for the other kinds."""
    message: str
    """The exception's text, truncated; it comes from a hostile process and is shown escaped only."""
    frames: tuple[Frame, ...] = ()
    """The program's own frames, outermost first."""
    builtin: str = ""
    """The nearest builtin exception that its class is or descends from; empty where no exception was raised. A class
    may call itself anything."""

    @property
    def span(self) -> Span | None:
        """Find the place of the innermost frame in the program's text, if there is one."""
        return self.frames[-1].span if self.frames else None


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of one test."""

    verdict: Verdict
    seconds: float
    """CPU seconds spent on this test."""
    error: ProgramError | None = None
    actual: str = ""
    """Start of what the program printed or returned, for display."""
    executed_lines: frozenset[int] | None = None
    """1-based lines of the program that ran; None where lines were not collected."""
    note: str = ""
    """Why the problem's own checker could not decide, so that the answer counts as wrong. Hostile, as `actual` is."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The statements that a program's lines make, and how much each line does. Lines are 1-based.

    Lines that belong to no statement, such as blank ones, comments and what is left open, are in neither.
    """

    statements: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Physical line -> first and last line of the logical line it belongs to."""
    weights: Mapping[int, float] = field(default_factory=dict)
    """Physical line -> its operators, calls, subscripts and numbers, and half of its names."""


@dataclass(frozen=True, slots=True)
class Execution:
    """The result of running a program on all of its tests."""

    verdict: Verdict
    tests: tuple[TestResult, ...]
    """One per test of the problem, in its order (empty after a syntax error or `infra`)."""
    error: ProgramError | None
    """The error of the first test that has one."""
    seconds: float
    """CPU seconds of the whole program."""
    isolation: str
    """The measured isolation level and its layers, such as `3: rlimits+seccomp+landlock+namespaces`."""
    peak_memory_bytes: int = 0
    """Largest resident memory of its processes, for whoever sizes a machine. It decides nothing."""
    infra_reason: str = ""
    """What went wrong on our side, when the verdict is `infra`."""
    layout: Layout = field(default_factory=Layout)
    """The lines of a program that did not pass, for whoever blames them: nobody else need read the program."""

    @property
    def pass_ratio(self) -> float:
        """Compute the share of tests passed, 0..1. It is 0 where no test ran."""
        return sum(test.verdict is Verdict.PASSED for test in self.tests) / len(self.tests) if self.tests else 0.0


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about the program, from running or from reading it."""

    source: Source
    code: str
    """`NameError`, `E0602`, `timeout`, `never-prints`, ..."""
    message: str
    span: Span | None
    """None where the finding has no place (a timeout without a frame, a crash)."""
    builtin: str = ""
    """`ProgramError.builtin` of a run-time error: what kind of exception it is, whatever `code` calls it."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the engine found out about one program."""

    program: bytes
    """The program exactly as the policy wrote it (UTF-8 unless a coding cookie says otherwise)."""
    execution: Execution
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Similarity:
    """Shares of a reference solution that are in a program too, 0..1 (CodeBLEU's syntax and data-flow match).

    Where the program is larger than the reference, they are shares of the program.
    """

    syntax: float = 0.0
    dataflow: float = 0.0
