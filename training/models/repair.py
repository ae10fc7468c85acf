"""Write the prompt of a repair turn from a failed program, for training and critic sampling.

Only public tests count here. What a hidden test asks or expects never reaches a prompt.
"""

from __future__ import annotations

import re
from dataclasses import replace

from engine import AssertTest, CallTest, Execution, Problem, ProgramError, StdinTest, Test, Verdict
from training.models.policy import Policy
from training.models.prompts import encode_prompt, is_cut

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
"""An address in an object's repr. It differs between processes, and a resumed run must have the same prompts."""
_KEPT = 0.9
"""Share of a problem's text that is kept when a repair prompt is too long, again and again until it fits."""
_SHOWN = 200
"""Maximum number of characters shown of an input, an output or a message."""


def repair_prompt(prompt: str, program: str, complaint: str, *, continues_prompt: bool = False) -> str:
    """Write the text of a repair turn, in place of the problem's own prompt.

    A prompt that the completion continues must stay the end of the text, so everything else goes into comments before
    it. The text goes through `model.prompt_format` like any prompt. The policy repairs its own programs. CodeRL trains
    a second model for it (section 3.4) on the same three parts: problem, program and outcome.
    """
    said = f"This program is wrong:\n{program.rstrip()}\n\n{complaint}\nWrite it again without the mistake."
    if not continues_prompt:
        return f"{prompt}\n\n{said}"
    comments = "\n".join(f"# {line}".rstrip() for line in said.splitlines())
    return f"{comments}\n\n{prompt}"


def repair_problem(problem: Problem, program: bytes, complaint: str, *, continues_prompt: bool = False) -> Problem:
    """Return the problem as a policy sees it in a repair turn."""
    text = program.decode(errors="replace")
    return replace(problem, prompt=repair_prompt(problem.prompt, text, complaint, continues_prompt=continues_prompt))


def encode_repair(policy: Policy, problem: Problem, program: bytes, complaint: str) -> tuple[tuple[int, ...], bool]:
    """Encode a repair turn's prompt, and say whether it was cut.

    A prompt longer than `model.max_prompt_tokens` loses some of the problem's own words. It never loses the program or
    what is wrong with it.
    """
    continues_prompt = policy.format.completion.continues_prompt
    told = repair_problem(problem, program, complaint, continues_prompt=continues_prompt)
    cut = is_cut(policy, told)
    while problem.prompt and is_cut(policy, told):
        problem = policy.format.shortened(problem, _KEPT)
        told = repair_problem(problem, program, complaint, continues_prompt=continues_prompt)
    return encode_prompt(policy, told), cut


def split_tests(problem: Problem, first: int) -> tuple[Problem, Problem]:
    """Split a problem into one with its public tests and one with its hidden tests.

    Public tests are those that its text shows, or its first ones where it shows none. If all tests are public (MBPP),
    all of them are hidden tests too.

    Args:
        problem: The problem.
        first: Number of tests that are public where its text shows none.
    """
    shown = problem.public_tests or problem.tests[:first]
    hidden = tuple(test for test in problem.tests if test not in shown)
    return replace(problem, tests=shown), replace(problem, tests=hidden or problem.tests)


def complaint(execution: Execution, problem: Problem) -> str:
    """Say what is wrong with a program in one or a few lines: its first error, or its first wrong answer.

    Args:
        execution: The execution of the program on `problem`, which did not pass.
        problem: A problem with public tests alone (`split_tests`).

    Raises:
        ValueError: the program passed, or judging it failed.
    """
    if execution.verdict in (Verdict.PASSED, Verdict.INFRA):
        raise ValueError(f"a program with verdict {execution.verdict} has nothing to repair")
    for test, result in zip(problem.tests, execution.tests, strict=False):  # no test ran after a syntax error
        if result.error is not None:
            return f"{_error(result.error)}\n{_asked(test)}"
        if result.verdict is Verdict.FAILED:
            return f"Wrong answer: {_short(result.actual)}\n{_asked(test)}"
    return _error(execution.error) if execution.error is not None else "It fails."


def _error(error: ProgramError) -> str:
    """Write outcome and error sub-type, as CodeRL's repair model reads them, and the place."""
    place = f" in line {error.span.line}" if error.span is not None else ""
    message = f": {_short(error.message)}" if error.message else ""
    return f"{error.type}{place}{message}"


def _asked(test: Test) -> str:
    match test:
        case StdinTest():
            return f"Input: {_short(test.stdin)}\nExpected: {_short(test.expected)}"
        case CallTest():
            return f"Arguments: {_short(test.arguments)}\nExpected: {test.expected!r}"
        case AssertTest():
            return f"Test: {_short(test.source)}"


def _short(text: str) -> str:
    text = _ADDRESS.sub("0x...", text.strip())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
