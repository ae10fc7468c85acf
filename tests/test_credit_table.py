"""The figures of docs/credit.md that `benchmarks.credit_table` computes, by hand."""

from __future__ import annotations

import pytest

from benchmarks.credit_table import Curve, efficiency, over_problems, over_seeds, own_part, samples_to_reach, settings


def run(*rates: str, judged: int = 100) -> Curve:
    """Make a run with one problem, whose samples each evaluation names."""
    return Curve(tuple(judged * (n + 1) for n in range(len(rates))), tuple({"p": rate} for rate in rates), 0.5)


def test_samples_to_reach_a_rate_lie_on_the_mean_curve_of_the_seeds():
    seeds = {0: run("0001", "0011", "0111"), 1: run("0000", "0001", "1111")}  # means 1/8, 3/8, 7/8
    assert samples_to_reach(seeds, 0.375) == pytest.approx(200)
    assert samples_to_reach(seeds, 0.625) == pytest.approx(250)  # half way between 3/8 and 7/8
    assert samples_to_reach(seeds, 0.1) == 100
    assert samples_to_reach(seeds, 0.9) is None


def test_the_best_baseline_is_the_one_with_the_highest_last_rate():
    runs = {"weak": {0: run("0001", "0001")}, "strong": {0: run("0000", "0011")}, "ours": {0: run("0011", "1111")}}
    lines = list(efficiency(runs, ("weak", "strong"), ("ours", "weak", "absent")))
    assert lines[0] == "The best baseline is *strong*, with 50.0% after 200 judged samples."
    assert lines[1] == "*ours* needs 100, 50% of them (seeds 0)."
    assert lines[2] == "*weak* does not get there (seeds 0)."
    assert len(lines) == 3


def test_only_seeds_of_both_are_compared():
    runs = {"best": {0: run("0000", "0001")}, "ours": {0: run("0001", "0001"), 1: run("0000", "0000")}}
    assert list(efficiency(runs, ("best",), ("ours",)))[1] == "*ours* needs 100, 50% of them (seeds 0)."


def test_differences_are_paired_by_problem_and_by_seed():
    one = Curve((100,), ({"a": "1100", "b": "1111"},), 0.0)  # 0.5, 1.0
    other = Curve((100,), ({"b": "0111", "a": "1000"},), 0.0)  # 0.25, 0.75, in another order
    assert over_problems([(one, other)]) == ("+25.0", "+25.0 to +25.0")
    assert over_seeds([0.01, 0.03]) == ("+2.0", "-10.7 to +14.7")  # 0.02 ± 12.706 * 0.01
    assert over_seeds([0.01]) == ("+1.0", "one seed")
    assert over_seeds([]) == ("", "")


def test_seeds_that_chose_have_other_tables_than_those_that_did_not():
    row = {"tier": "t", "protocol": "online", "steps": 2, "rate": 5e-4, "temperature": 1.0, "arm": "a", "mistakes": 0.1}
    rows = [{**row, "seed": seed, "step": step, "judged": step * 128, "passes": {"p": "1"}}
            for seed in (0, 10) for step in (2, 1)]  # fmt: skip
    found = settings(rows)
    assert [key[-1] for key in found] == [True, False]
    assert found["t", "online", 2, 16, 1.0, True]["a"][10].judged == (128, 256)


def test_an_arm_with_another_learning_rate_than_the_usual_one_says_so():
    row = {"tier": "t", "protocol": "online", "steps": 1, "step": 1, "judged": 8, "passes": {"p": "1"}}
    row |= {"temperature": 1.0, "arm": "a", "mistakes": 0.1, "seed": 10}
    (runs,) = settings([{**row, "rate": rate} for rate in (5e-4, 1e-3)]).values()
    assert list(runs) == ["a", "a at 0.001"]


def test_blames_own_part_is_over_the_run_and_on_seeds_of_both():
    ours, without = {0: run("1111", "1111"), 1: run("0011", "0000")}, {1: run("0001", "0000"), 2: run("1111", "0000")}
    assert list(own_part({"a": ours, "b": without}, (("a", "b"), ("a", "absent")))) == [
        "Over the run *a* is +12.5 from *b* (one seed; seeds 1)."
    ]
