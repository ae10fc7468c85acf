"""Plans for many GPUs: the arithmetic by hand, and what must hold of every plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.plan import GPUS, MODELS, Efficiency, Gpu, Model, PlanError, Work, main, plan, token_time

ROUND = Gpu(flops=1e15, bandwidth=1e12, memory=100e9)
SMALL = Model(parameters=1e9, cache=1000.0)
EVEN = Efficiency(decoding=0.5, computing=0.5, rows=100, judging=0.5, network=1e10)


def test_a_token_takes_the_time_to_read_the_weights_and_every_row_of_the_cache():
    work = Work(prompt_tokens=900, response_tokens=200)
    read = 2 * 1e9 + 100 * 1000 * (900 + 100)  # bytes: weights, and rows * cache * context in the middle of a response
    assert token_time(ROUND, SMALL, work, EVEN, 1, 100) == pytest.approx(read / 0.5e12)


def test_taking_turns_is_the_sum_of_sampling_and_learning():
    work = Work(100, 1000, 100, 100, judge_seconds=0.5, timeout_share=0.0)
    found = plan(1, ROUND, SMALL, work, EVEN)
    token = (2e9 + 100 * 1000 * 1050) / 0.5e12
    reading = 100 * 1000 * 2 * 1e9 / 0.5e15
    learning = 100 * 1100 * 6 * 1e9 / 0.5e15
    assert found.samplers == 0
    assert found.sample_time == pytest.approx(reading + 100 * token + 0.5)
    assert found.learn_time == pytest.approx(learning)
    assert found.step_time == pytest.approx(reading + 100 * token + 0.5 + learning)


def test_judges_are_enough_for_programs_that_hang():
    work = Work(judge_seconds=0.02, timeout_share=0.02, time_limit=4.0)
    assert work.core_seconds == pytest.approx(0.1)
    found = plan(8, GPUS["h100"], MODELS["7b"], work)
    interval = found.step_time if found.samplers else found.sample_time
    assert found.judge_cores * 0.7 * interval >= work.samples * 0.1


def test_a_model_that_does_not_fit_is_refused_with_what_is_missing():
    with pytest.raises(PlanError, match="2 GPUs of 80 GB: sampling needs 4 and learning 9 of them"):
        plan(2, GPUS["h100"], MODELS["32b"], Work())


@given(st.sampled_from(sorted(MODELS)), st.sampled_from(sorted(GPUS)), st.integers(16, 256), st.integers(64, 8192))
def test_a_plan_uses_no_more_gpus_than_there_are_and_never_slows_down_with_more(model, gpu, gpus, samples):
    work = Work(samples=samples)
    found = plan(gpus, GPUS[gpu], MODELS[model], work)
    assert found.samplers + found.learners == gpus
    assert found.samplers % found.engine_gpus == 0
    larger = plan(2 * gpus, GPUS[gpu], MODELS[model], work)
    assert larger.step_time <= found.step_time * 1.0001


def test_the_command_prints_a_plan_and_refuses_in_one_line(capsys):
    assert main(["--gpus", "64", "--model", "7b"]) == 0
    assert "judge cores" in capsys.readouterr().out
    assert main(["--gpus", "1", "--model", "32b"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
