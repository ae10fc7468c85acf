"""PPOCoder's arithmetic against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from engine import ErrorKind, Execution, ProgramError, Similarity, Verdict
from training.algorithms.ppocoder import (
    generalised_advantages,
    next_kl_coefficient,
    terminal_reward,
    token_rewards,
    whitened,
)


def row(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_advantages_by_hand():
    # gamma 1, lambda 0.5, r = 0 0 1, V = 0.5 0.25 0.75: delta = -0.25 0.5 0.25,
    # A3 = 0.25, A2 = 0.5 + 0.5 * 0.25 = 0.625, A1 = -0.25 + 0.5 * 0.625 = 0.0625
    found = generalised_advantages(row(0, 0, 1), row(0.5, 0.25, 0.75), 1.0, 0.5)
    assert_allclose(found, [0.0625, 0.625, 0.25])


def test_a_discount_applies_to_what_comes_later():
    # gamma 0.5, lambda 1: A2 = 1 - 0.5 = 0.5; A1 = (0 + 0.5 * 0.5 - 1) + 0.5 * 0.5 = -0.5
    assert_allclose(generalised_advantages(row(0, 1), row(1, 0.5), 0.5, 1.0), [-0.5, 0.5])


@given(st.lists(st.tuples(st.floats(-2, 2, width=32), st.floats(-2, 2, width=32)), min_size=1, max_size=30))
def test_with_lambda_1_the_advantage_is_the_sum_of_rewards_to_come_less_the_value(pairs):
    rewards, values = (row(*column) for column in zip(*pairs, strict=True))
    to_come = np.cumsum(rewards[::-1].astype(np.float64))[::-1]
    assert_allclose(generalised_advantages(rewards, values, 1.0, 1.0), to_come - values, atol=1e-4)


def test_each_token_pays_for_its_divergence_and_the_last_one_earns_the_reward():
    found = token_rewards(2.5, row(-1, -2, -3), row(-1.5, -2, -2), 0.1)
    assert_allclose(found, [-0.05, 0.0, 0.1 + 2.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("verdict", "kind", "coarse", "expected"),
    [
        (Verdict.PASSED, None, 1.0, 1.0 + 1 + 0.5 + 0.25),
        (Verdict.FAILED, None, -0.3, -0.3 + 1 + 0.5 + 0.25),
        (Verdict.ERROR, ErrorKind.RUNTIME, -0.6, -0.6 + 1 + 0.5 + 0.25),
        (Verdict.ERROR, ErrorKind.SYNTAX, -1.0, -1.0 - 1 + 0.5 + 0.25),
    ],
)
def test_the_terminal_reward_is_tests_plus_compiler_plus_similarity(verdict, kind, coarse, expected):
    error = ProgramError(kind, "Some", "") if kind else None
    execution = Execution(verdict, (), error, 0.0, "")
    assert terminal_reward(coarse, execution, Similarity(0.5, 0.25)) == pytest.approx(expected)


def test_whitening_is_over_all_tokens_of_the_batch():
    # 1 2 3 6: mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5
    found = whitened([row(1, 2), row(3, 6)])
    assert_allclose(np.concatenate(found), (np.array([1, 2, 3, 6]) - 3) / np.sqrt(3.5), rtol=1e-6)
    assert [len(each) for each in found] == [2, 2]
    assert_allclose(whitened([row(2, 2)])[0], [0, 0])


def test_the_kl_coefficient_follows_the_observed_divergence():
    # target 1, observed 1.1: error 0.1, 100 samples of a horizon of 10 000
    assert next_kl_coefficient(0.1, 1.1, 1.0, 100) == pytest.approx(0.1 * (1 + 0.1 * 0.01))
    assert next_kl_coefficient(0.1, 50.0, 1.0, 100) == pytest.approx(0.1 * (1 + 0.2 * 0.01))  # error at most 0.2
    assert next_kl_coefficient(0.1, 0.0, 1.0, 100) == pytest.approx(0.1 * (1 - 0.2 * 0.01))
    assert next_kl_coefficient(0.1, 1.0, 1.0, 100) == 0.1
