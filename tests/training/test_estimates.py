"""pass@k and n@k are averages over every choice of samples; intervals and tests say what they should of known data."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.estimates import mean_over_problems, n_at_k, paired_difference, pass_at_k


@given(st.integers(1, 8), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_pass(samples, data):
    passes = data.draw(st.integers(0, samples))
    k = data.draw(st.integers(1, samples))
    outcomes = [True] * passes + [False] * (samples - passes)
    subsets = list(combinations(outcomes, k))
    assert pass_at_k(samples, passes, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_fewer_samples_than_k_are_refused():
    with pytest.raises(ValueError, match="at least 100"):
        pass_at_k(20, 0, 100)
    with pytest.raises(ValueError, match="3@2"):
        n_at_k([True] * 5, [True] * 5, 3, 2)
    with pytest.raises(ValueError, match="1@6"):
        n_at_k([True] * 5, [True] * 5, 1, 6)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6), st.data())
def test_n_at_k_is_what_drawing_filtering_and_submitting_gives_on_average(pairs, data):
    k = data.draw(st.integers(1, len(pairs)))
    n = data.draw(st.integers(1, k))
    solved = []
    for drawn in permutations(pairs, k):  # a random order of a random choice
        submitted = sorted(drawn, key=lambda pair: not pair[0])[:n]  # stable: passers of the public tests first
        solved.append(any(passed for _, passed in submitted))
    filtered, passed = zip(*pairs, strict=True)
    assert n_at_k(filtered, passed, n, k) == pytest.approx(np.mean(solved))


def test_a_perfect_filter_makes_1_at_k_pass_at_k():
    passed = [True, False, False, False, True, False]
    assert n_at_k(passed, passed, 1, 3) == pytest.approx(pass_at_k(6, 2, 3))
    assert n_at_k([True] * 6, passed, 1, 3) == pytest.approx(pass_at_k(6, 2, 1))


def test_the_interval_covers_the_mean_of_other_problems():
    truth, covered = 0.3, 0
    for seed in range(60):
        values = (np.random.default_rng(seed).random(200) < truth).astype(float).tolist()
        estimate = mean_over_problems(values, seed)
        assert estimate.value == np.mean(values)
        covered += estimate.low <= truth <= estimate.high
    assert 51 <= covered <= 60  # 95 % of 60 is 57


def test_equal_results_do_not_differ_and_a_clear_gain_does():
    first = [0.0, 0.5, 1.0] * 20
    same = paired_difference(first, first)
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    better = paired_difference(first, [min(1.0, value + 0.25) for value in first])
    assert better.low > 0.1
    assert better.p_value < 0.001
    assert paired_difference([0.0], [1.0]).p_value == 1.0  # one problem proves nothing


def test_pairing_sees_what_unpaired_intervals_would_not():
    generator = np.random.default_rng(0)
    hardness = generator.random(60)
    found = paired_difference(hardness.tolist(), (hardness + 0.02).tolist())
    assert found.p_value < 0.001
    assert mean_over_problems(hardness.tolist()).high - mean_over_problems(hardness.tolist()).low > 0.1


def test_p_values_of_nothing_are_uniform():
    generator = np.random.default_rng(1)
    below = 0
    for seed in range(40):
        one, other = generator.random((2, 30))
        below += paired_difference(one.tolist(), other.tolist(), seed).p_value < 0.25
    assert 3 <= below <= 18  # a quarter of 40 is 10
