"""What a program that failed is told, and the prompt it goes back with: repair turns in training and critic sampling.

Only public tests speak here: what a hidden test asks or expects never reaches a prompt. What this module does not do:
sample or judge.
"""

from __future__ import annotations

import re
from dataclasses import replace

from engine import AssertTest, CallTest, Execution, Problem, ProgramError, StdinTest, Test, Verdict
from training.models.policy import Policy
from training.models.prompts import encode_prompt, is_cut

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
"""Of an object, as its repr shows it: another in each process, and a resumed run must have the same prompts."""
_KEPT = 0.9
"""Of a problem's text, when a repair prompt is too long; again until it fits."""
_SHOWN = 200
"""Characters of an input, an output or a message that are told."""


def repair_prompt(prompt: str, program: str, complaint: str, *, continues_prompt: bool = False) -> str:
    """The text of a repair turn, in place of the problem's own prompt.

    A prompt that the completion continues must stay the text's end, so all else is said in comments before it.

    It goes through `model.prompt_format` like any prompt. There is one model: the policy repairs its own programs,
    where CodeRL trains a second one for it (section 3.4) on the same three things: problem, program, what happened.
    """
    said = f"This program is wrong:\n{program.rstrip()}\n\n{complaint}\nWrite it again without the mistake."
    if not continues_prompt:
        return f"{prompt}\n\n{said}"
    comments = "\n".join(f"# {line}".rstrip() for line in said.splitlines())
    return f"{comments}\n\n{prompt}"


def repair_problem(problem: Problem, program: bytes, complaint: str, *, continues_prompt: bool = False) -> Problem:
    """The problem as a policy sees it in a repair turn."""
    text = program.decode(errors="replace")
    return replace(problem, prompt=repair_prompt(problem.prompt, text, complaint, continues_prompt=continues_prompt))


def encode_repair(policy: Policy, problem: Problem, program: bytes, complaint: str) -> tuple[tuple[int, ...], bool]:
    """Token ids of a repair turn's prompt, and whether it was cut.

    Where it is longer than `model.max_prompt_tokens`, the problem's own words are shortened and not the program or
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
    """The problem judged by its public tests, and by its hidden ones.

    Public are the tests its text shows, or its first ones where it shows none. Where that is all there are, hidden are
    all of them too (MBPP).

    Args:
        problem: Any problem.
        first: How many of its tests are public where its text shows none.
    """
    shown = problem.public_tests or problem.tests[:first]
    hidden = tuple(test for test in problem.tests if test not in shown)
    return replace(problem, tests=shown), replace(problem, tests=hidden or problem.tests)


def complaint(execution: Execution, problem: Problem) -> str:
    """What is wrong with a program, in a line or a few: its first error, or its first wrong answer.

    Args:
        execution: Of the program on `problem`; it did not pass.
        problem: Judged by public tests alone (`split_tests`).

    Raises:
        ValueError: it passed, or we failed to judge it: there is nothing to say.
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
    """Outcome and error sub-type, as CodeRL's repair model reads them, and the place."""
    place = f" in line {error.span.line}" if error.span is not None else ""
    message = f": {_short(error.message)}" if error.message else ""
    return f"{error.type}{place}{message}"


def _asked(test: Test) -> str:
    match test:
        case StdinTest():
            return f"Input: {_short(test.stdin)}\nExpected: {_short(test.expected)}"
        case CallTest():
            named = [f"{name}={value!r}" for name, value in test.kwargs.items()]
            return f"Arguments: {_short(', '.join([*map(repr, test.args), *named]))}\nExpected: {test.expected!r}"
        case AssertTest():
            return f"Test: {_short(test.source)}"


def _short(text: str) -> str:
    text = _ADDRESS.sub("0x...", text.strip())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
