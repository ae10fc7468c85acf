"""Token ids in, feedback out, on real engines and tokenizers; our own failures are tried again and then masked."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future

import numpy as np
import pytest

from engine import Engine, Execution, Report, Verdict, parse_problem
from feedback import COMPLETION_FORMATS, CompletionFormat, RewardSettings, Scorer, assess
from tests.feedback.test_tokens import byte_level, llama_like

PROBLEM = parse_problem({"inputs": ["3\n", "4\n"], "outputs": ["9\n", "16\n"]})
HALF = parse_problem(
    {
        "prompt": 'def half(x):\n    """Halve."""\n',
        "entry_point": "half",
        "test": "def check(f):\n    assert f(4) == 2\n",
        "canonical_solution": "    return x // 2\n",
    }
)
TOKENIZER = byte_level()


def ids(text, tokenizer=TOKENIZER):
    return tokenizer.encode(text, add_special_tokens=False).ids


@pytest.fixture(scope="module")
def engine():
    with Engine(trace_lines=True) as started:
        yield started


def test_a_completion_is_scored_token_by_token(engine):
    scorer = Scorer(TOKENIZER, engine)
    sampled = ids("n = int(input())\nprint(n * m)\n")
    feedback = scorer.submit(sampled, PROBLEM).result()
    assert feedback.report.execution.verdict is Verdict.ERROR
    assert feedback.total.shape == (len(sampled),)
    blamed = {TOKENIZER.decode([sampled[place]]).strip() for place in np.flatnonzero(feedback.rewards["fine"])}
    assert blamed == {"m"}


def test_a_continued_prompt_is_judged_as_one_program_and_rewarded_where_it_was_sampled(engine):
    scorer = Scorer(TOKENIZER, engine, completions=COMPLETION_FORMATS["humaneval"])
    right, wrong = scorer.score([ids("    return x // 2\n"), ids("    return y // 2\n\nprint(1)\n")], [HALF, HALF])
    assert (right.report.execution.verdict, wrong.report.execution.verdict) == (Verdict.PASSED, Verdict.ERROR)
    assert wrong.report.program == b'def half(x):\n    """Halve."""\n    return y // 2\n'
    blamed = wrong.offsets[np.flatnonzero(wrong.rewards["fine"])]
    assert [wrong.report.program[start:end].strip() for start, end in blamed] == [b"y"]
    written = ids("    return y // 2\n\nprint(1)\n")
    assert wrong.total.shape == (len(written),)


def test_only_the_length_limit_makes_a_failure_a_truncation(engine):
    scorer = Scorer(TOKENIZER, engine)
    cut, whole = scorer.score([ids("n = int(input(")] * 2, [PROBLEM] * 2, ["length", "stop"])
    assert {blame.category.value for blame in cut.blames} == {"U_global"}
    assert {blame.category.value for blame in whole.blames} == {"U_line"}
    with pytest.raises(ValueError, match="eos"):
        scorer.submit(ids("x"), PROBLEM, "eos")


def test_an_encoder_decoders_ids_are_a_whole_text(engine):
    tokenizer = llama_like()
    sampled = ids("print(int(input()) ** 2)", tokenizer)
    whole = Scorer(tokenizer, engine, encoder_decoder=True).submit(sampled, PROBLEM).result()
    assert (whole.report.program[:1], whole.report.execution.verdict) == (b"p", Verdict.PASSED)
    rest = Scorer(tokenizer, engine).submit(sampled, PROBLEM).result()
    assert rest.report.program[:2] == b" p"


def test_batches_keep_their_order_and_must_fit(engine):
    scorer = Scorer(TOKENIZER, engine, completions=CompletionFormat("fence"))
    texts = [f"```python\nprint(int(input()) ** 2 + {n % 3})\n```" for n in range(12)]
    found = scorer.score([ids(text) for text in texts], [PROBLEM] * 12)
    assert [each.report.execution.verdict is Verdict.PASSED for each in found] == [n % 3 == 0 for n in range(12)]
    with pytest.raises(ValueError, match="zip"):
        scorer.score([ids("x")], [])


class Failing:
    """An engine that fails to judge so many times first; it answers in a thread of its own that must not be blocked."""

    def __init__(self, failures, raises=False):
        self.failures, self.raises, self.asked = failures, raises, []

    def submit(self, program, problem):
        assert threading.current_thread().name != "judging"
        self.asked.append(program)
        if self.raises and len(self.asked) > 1:
            raise RuntimeError("the judge is closed")
        verdict = Verdict.INFRA if len(self.asked) <= self.failures else Verdict.PASSED
        reported: Future[Report] = Future()
        report = Report(program, Execution(verdict, (), None, 0.0, "0: none", infra_reason="lost"), ())
        threading.Timer(0.01, self._answer, (reported, report)).start()
        return reported

    def _answer(self, reported, report):
        threading.current_thread().name = "judging"
        reported.set_result(report)

    def close(self):
        pass


@pytest.mark.parametrize(("failures", "asked", "masked"), [(0, 1, False), (1, 2, False), (2, 2, True)])
def test_what_we_failed_to_judge_is_tried_again_and_then_masked(failures, asked, masked):
    with Scorer(TOKENIZER, engine := Failing(failures)) as scorer:
        feedback = scorer.submit(ids("print(1)"), PROBLEM).result()
    assert (len(engine.asked), feedback.masked) == (asked, masked)
    assert bool(feedback.total.any()) is not masked


def test_an_engine_that_is_gone_by_the_second_try_is_told_to_who_waits():
    with Scorer(TOKENIZER, Failing(1, raises=True)) as scorer, pytest.raises(RuntimeError, match="closed"):
        scorer.submit(ids("print(1)"), PROBLEM).result()


def test_closing_finishes_what_was_submitted():
    scorer = Scorer(TOKENIZER)
    futures = [scorer.submit(ids(f"print({n})"), PROBLEM) for n in range(6)]
    scorer.close()
    assert all(future.done() and future.result().report.execution.tests for future in futures)
    with pytest.raises(RuntimeError, match="closed"):
        scorer.submit(ids("print(7)"), PROBLEM)


def test_rewards_are_those_of_its_settings(engine):
    settings = RewardSettings(mode="paper")
    scorer = Scorer(TOKENIZER, engine, settings=settings)
    feedback = scorer.submit(ids("print(zz)\n"), PROBLEM).result()
    again = assess(feedback.report, feedback.offsets, settings=settings)
    assert (again.total == feedback.total).all()
    assert not feedback.rewards["static"].any()


def test_it_needs_no_torch():
    code = "import sys, feedback; feedback.Scorer; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
