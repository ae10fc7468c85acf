"""pass@k is the unbiased estimator, and refuses what it cannot estimate."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.estimates import pass_at_k


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
