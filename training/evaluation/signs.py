"""Read from an evaluation's samples whether its settings suit the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine import Problem
from feedback import CompletionFormat
from training.evaluation.results import Sample


def signs(samples: Sequence[Sample], problems: Sequence[Problem], extract: str) -> Iterator[str]:
    """Say what the samples as a whole are a sign of: completions that were cut off, programs that are none."""
    counted = [sample for sample in samples if sample.counts]
    cut = sum(sample.finish_reason == "length" for sample in counted)
    if cut * 2 > len(counted):
        yield f"{cut} of {len(counted)} completions were cut off at --max-new-tokens"
    if not counted or any(sample.outcome != "syntax" for sample in counted):
        return
    yield f"all {len(counted)} programs are syntax errors: are --prompt-format and --extract the model's?"
    if extract == "whole":
        by_id = {problem.id: problem for problem in problems}
        fence = CompletionFormat(extract="fence")
        texts = [
            (sample.program.encode(), by_id[sample.problem_id]) for sample in counted if sample.problem_id in by_id
        ]
        fenced = sum(fence.program(text, problem).text != text for text, problem in texts)
        yield f"{fenced} of them hold a Markdown block, which --extract fence would read as the program"
    else:
        yield "--extract whole would read all of a completion as the program"
