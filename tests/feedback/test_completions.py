"""Which bytes of a completion are judged, and which token wrote which of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Diagnostic, Problem, Source, Span
from feedback import COMPLETION_FORMATS, CompletionFormat, FinishReason, RewardSettings, assess, token_range
from feedback.records import COMPONENTS
from tests.feedback.programs import crashed, span_of

HUMANEVAL = COMPLETION_FORMATS["humaneval"]
PROMPT = 'def half(x):\n    """Höhe."""\n'
PROBLEM = Problem("p", (), prompt=PROMPT)


def test_a_completion_that_continues_its_prompt_is_judged_with_it():
    program = HUMANEVAL.program(b"    return x / 2\n\nprint(half(4))\n", PROBLEM)
    assert program.text == PROMPT.encode() + b"    return x / 2\n"
    assert (program.begun, program.place, program.at_end) == (len(PROMPT.encode()), slice(0, 17), False)


def test_other_completions_are_judged_without_it():
    assert CompletionFormat().program(b"x = 1\n", PROBLEM).text == b"x = 1\n"
    fenced = CompletionFormat("fence").program(b"Sure:\n```python\nx = 1\n```\n", PROBLEM)
    assert (fenced.text, fenced.place, fenced.begun, fenced.at_end) == (b"x = 1\n", slice(16, 22), 0, False)


@given(st.sampled_from(sorted(COMPLETION_FORMATS)), st.text(max_size=20), st.lists(st.binary(max_size=4), max_size=12))
def test_tokens_tile_the_sampled_part_of_the_program_and_none_of_the_prompt(name, prompt, pieces):
    program = COMPLETION_FORMATS[name].program(b"".join(pieces), Problem("p", (), prompt=prompt))
    offsets = program.offsets(pieces)
    assert b"".join(program.text[start:end] for start, end in offsets) == program.text[program.begun :]
    assert all(program.begun <= start <= end <= len(program.text) for start, end in offsets)


def test_an_error_in_the_continuation_is_laid_on_the_tokens_that_wrote_it():
    pieces = [b"    return", b" x", b" / zero", b"\n", b"\ndef ", b"main"]
    program = HUMANEVAL.program(b"".join(pieces), PROBLEM)
    offsets = program.offsets(pieces)
    report = crashed(program.text, "NameError", span_of(program.text, b"zero"))
    feedback = assess(report, offsets, finish_reason=program.finish_reason("length"))
    assert [bool(value) for value in feedback.rewards["fine"]] == [False, False, True, False, False, False]
    assert feedback.explain(2)[-1].blame is feedback.blames[0]


def test_an_error_in_the_prompts_own_text_is_the_whole_continuations_and_a_linters_finding_there_nobodys():
    pieces = [b"    return x", b" / 2\n"]
    program = HUMANEVAL.program(b"".join(pieces), PROBLEM)
    span = span_of(program.text, b"half")
    assert isinstance(span, Span)
    assert token_range(span, program.offsets(pieces)) in {(0, 0), (1, 1), (2, 2)}
    lint = Diagnostic(Source.PYLINT, "E0602", "message", span_of(program.text, b"def"))
    report = crashed(program.text, "NameError", span, lint)
    feedback = assess(report, program.offsets(pieces), settings=RewardSettings())
    assert feedback.rewards["fine"].tolist() == [np.float32(-0.3)] * 2
    assert not feedback.rewards["static"].any()
    assert set(feedback.rewards) == set(COMPONENTS)


@pytest.mark.parametrize(
    ("completion", "finish", "expected"),
    [
        (b"```python\nx = 1\ny = zz\n", "length", "length"),
        (b"```python\nx = 1\ny = zz\n```\nThis program", "length", "stop"),
        (b"```python\nx = 1\ny = zz\n", "stop", "stop"),
    ],
)
def test_a_program_is_cut_off_only_where_the_completion_ends_in_it(completion, finish, expected) -> None:
    assert CompletionFormat("fence").program(completion, PROBLEM).finish_reason(finish) is FinishReason(expected)
