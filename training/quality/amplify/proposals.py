"""Ask a language model for inputs, and find them in its answer.

Only inputs are taken, because an output that the model names proves nothing. A process that may die parses calls
(`training.quality.audit.reading`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from engine import AssertTest, CallTest, Problem, StdinTest
from training.quality.amplify.shapes import called

if TYPE_CHECKING:
    from training.models.policy import Policy
    from training.samplers.base import Sampler

_SHOWN = 3
_MOST_TEXTS = 50
_BLOCK = re.compile(r"^Input[^\n]*\n(.*?)(?=^(?:Output|Input|Example|#)|\Z)", re.MULTILINE | re.DOTALL)


def request(problem: Problem) -> str:
    """Write the text that a model continues: the task, some tests, and the beginning of one more."""
    shown = problem.tests[:_SHOWN]
    if any(isinstance(test, StdinTest) for test in shown):
        blocks = [f"Input\n{test.stdin.rstrip()}\n\n" for test in shown if isinstance(test, StdinTest)]
        head = f"{problem.prompt}\n\n# More inputs to test a solution with, edge cases among them\n\n"
        return f"{head}{''.join(blocks)}Input\n"
    lines = [test.source.strip() for test in shown if isinstance(test, AssertTest)]
    for test in shown:
        if isinstance(test, CallTest):
            lines.append(f"assert {called(problem)}({', '.join(map(repr, test.args))}) == {test.expected!r}")
    body = "\n".join(lines)
    return f'"""{problem.prompt}"""\n\n# More tests, edge cases among them\n{body}\nassert {called(problem)}('


def inputs_in(texts: Sequence[str]) -> list[str]:
    """Find the standard inputs in a model's answer to `request`."""
    found: dict[str, None] = {}
    for text in texts:
        for block in _BLOCK.findall("Input\n" + text[:20_000]):
            if block.strip():
                found.setdefault(block.strip("\n") + "\n")
    return list(found)[:_MOST_TEXTS]


def proposals(
    policy: Policy, sampler: Sampler, problems: Sequence[Problem], samples: int, seed: int
) -> Iterator[tuple[str, list[str]]]:
    """Yield each problem's id with the model's answers to its `request`, each with the beginning that it continues."""
    from training.records import SampleRequest

    begun = {
        problem.id: "" if isinstance(problem.tests[0], StdinTest) else f"{called(problem)}("
        for problem in problems
        if problem.tests
    }
    requests = [
        SampleRequest(
            problem.id,
            tuple(policy.tokenizer(request(problem))["input_ids"]),
            samples,
            (seed, zlib.crc32(problem.id.encode())),
        )
        for problem in problems
        if problem.tests
    ]
    for batch in sampler.sample(requests):
        texts: dict[str, list[str]] = {}
        for rollout in batch:
            said = b"".join(policy.bytes_of(rollout.token_ids)).decode(errors="replace")
            texts.setdefault(rollout.problem_id, []).append(begun[rollout.problem_id] + said)
        yield from texts.items()
