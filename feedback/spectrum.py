"""Find a place for wrong answers, from the lines that ran when tests failed. No error message has one.

Tests rarely tell all lines apart, so how much a line does breaks ties. A bug needs an operator, a call, a name or a
number to be in. The engine collects the executed lines. RLTF ignores wrong answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from engine import Diagnostic, Execution, Source, Verdict
from engine.text import ProgramText
from feedback.narrowing import value_of

Formula = Callable[[int, int, int, int], float]
"""(failing tests that ran the line, passing ones that did, failing ones that did not, passing ones) -> suspicion."""


def ochiai(failing: int, passing: int, failing_not: int, _: int) -> float:
    """Compute Ochiai's coefficient, 0..1."""
    return failing / math.sqrt((failing + failing_not) * (failing + passing)) if failing else 0.0


def tarantula(failing: int, passing: int, failing_not: int, passing_not: int) -> float:
    """Compute Tarantula, 0..1."""
    if not failing:
        return 0.0
    in_failing = failing / (failing + failing_not)
    in_passing = passing / (passing + passing_not) if passing + passing_not else 0.0
    return in_failing / (in_failing + in_passing)


def dstar(failing: int, passing: int, failing_not: int, _: int) -> float:
    """Compute D* with exponent 2, squeezed into 0..1."""
    if not failing:
        return 0.0
    value = failing**2 / max(passing + failing_not, 0.5)
    return value / (1.0 + value)


FORMULAS: dict[str, Formula] = {"ochiai": ochiai, "tarantula": tarantula, "dstar": dstar}


_SHARPNESS = 12.0
"""How fast a line's odds fall with its suspicion. Chosen by likelihood on the tuning half of `benchmarks.mutants`, and
about as good between 8 and 14."""
_HINT = 1.8
"""Where an error came up, the odds of its kind count so many times. Chosen for `IndexError` on the same half."""
_NO_SUSPECTS = ("def ", "async def ", "class ", "import ", "from ", "@")
"""Lines that run to no effect on any value: bugs are rarely in them, and every test runs them."""
_WITHOUT_CODE = re.compile(r"(?:else|try|finally)\s*:|(?:global|nonlocal)\b|[\"']{3}")


def suspect(text: ProgramText, execution: Execution, likely: Mapping[int, float]) -> tuple[Diagnostic, float] | None:
    """Find the value of the line that is most likely at fault (`shares`), as a finding with how likely that is.

    None without executed lines, and where no test passed, because nothing tells the lines apart then.
    """
    if not likely or not _runs(execution)[1]:
        return None
    line = max(likely, key=lambda line: (likely[line], line))  # of equals the last: what is set up first is simple
    message = f"likeliest of the lines that ran when tests failed ({likely[line]:.0%})"
    return Diagnostic(Source.COVERAGE, "suspicious", message, value_of(text, line)), likely[line]


def shares(
    program: bytes, execution: Execution, formula: str = "ochiai", hints: Mapping[int, float] | None = None
) -> dict[int, float]:
    """Say how likely each line that failing tests ran is the one at fault, if exactly one is. They add up to 1.

    A line's odds are what it does, times e to the power of its suspicion. Where no test passed all are equally
    suspicious, and what they do decides.

    Args:
        program: The program.
        execution: Its results, with executed lines.
        formula: One of `FORMULAS`.
        hints: Lines where errors came up, with how often errors of the kind are right, below 1.
    """
    text = ProgramText(program)
    weights = execution.layout.weights
    odds = {
        line: (1.0 + weights.get(line, 0.0)) * math.exp(_SHARPNESS * (score - 1.0))
        for line, score in suspicion(execution, formula).items()
        if score > 0 and not text.line(line).startswith(_NO_SUSPECTS)
    }
    for line, right in (hints or {}).items():
        if line in odds:
            odds[line] *= _HINT * right / (1.0 - right)
    total = sum(odds.values())
    return {line: value / total for line, value in odds.items()}


def executed_tokens(program: bytes, execution: Execution, offsets: NDArray[np.int32]) -> NDArray[np.bool_] | None:
    """Say whether any test ran the line of each token, bool [T]. None unless every test's lines are known.

    Lines without code of their own, such as `else:` and comments, share the fate of the line after them. Tokens outside
    the program, such as fences and the end of text, count as run.
    """
    if not execution.tests or any(test.executed_lines is None for test in execution.tests):
        return None
    ran = {line for test in execution.tests for line in test.executed_lines or ()}
    text, lines = ProgramText(program), execution.layout.statements
    bytes_ran = np.ones(len(program) + 1, dtype=np.int64)
    fate, of_statement = True, (0, 0)
    for line in range(text.line_count, 0, -1):
        statement = lines.get(line, (0, 0))
        if statement[0] and statement != of_statement and not _WITHOUT_CODE.match(text.line(line)):
            fate, of_statement = not ran.isdisjoint(range(statement[0], statement[1] + 1)), statement
        bytes_ran[text.line_start(line) : text.line_start(line + 1)] = fate
    counts = np.concatenate([[0], np.cumsum(bytes_ran[:-1])])
    touched = counts[offsets[:, 1]] > counts[offsets[:, 0]]
    executed: NDArray[np.bool_] = touched | (offsets[:, 0] == offsets[:, 1])
    return executed


def suspicion(execution: Execution, formula: str = "ochiai") -> dict[int, float]:
    """Compute the suspicion of each line that a failing test ran. Empty without executed lines."""
    failing, passing = _runs(execution)
    score = FORMULAS[formula]
    found = {}
    for line in set().union(*failing) if failing else ():
        bad, good = sum(line in lines for lines in failing), sum(line in lines for lines in passing)
        found[line] = score(bad, good, len(failing) - bad, len(passing) - good)
    return found


def _runs(execution: Execution) -> tuple[list[set[int]], list[set[int]]]:
    """List the lines with code that each failing test ran, and each passing one."""
    lines = execution.layout.statements
    runs = [
        ({line for line in test.executed_lines if line in lines}, test.verdict is Verdict.PASSED)
        for test in execution.tests
        if test.executed_lines and test.verdict is not Verdict.INFRA
    ]
    return [ran for ran, passed in runs if not passed], [ran for ran, passed in runs if passed]
