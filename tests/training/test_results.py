"""Results survive crashes, refuse to be mixed, add up by hand, and are compared on common problems only."""

import json
from dataclasses import replace

import pytest

from training.evaluation.comparison import beside_published, common_ks, compared
from training.evaluation.published import published, published_for
from training.evaluation.results import Result, ResultError, ResultFolder, Sample, read_result, rows_of

SETTINGS = {"model": "m", "data": "d", "samples": 2, "temperatures": [1.0], "seed": 0}


def sample(problem="p", index=0, verdict="passed", **more):
    fields = {
        "temperature": 1.0,
        "problem_id": problem,
        "sample": index,
        "verdict": verdict,
        "outcome": "runtime" if verdict == "error" else verdict,
        "error": None,
        "source": "apps",
        "pass_ratio": 1.0,
        "public": None,
        "difficulty": "",
        "finish_reason": "stop",
        "tokens": 3,
        "seconds": 0.1,
        "program": "print('é')\n",
    }
    return Sample(**{**fields, **more})


def group(problem, passes, samples, **more):
    return [sample(problem, index, "passed" if index < passes else "failed", **more) for index in range(samples)]


# On disk


def test_what_was_written_is_read_back(tmp_path):
    with ResultFolder(tmp_path / "out", SETTINGS) as folder:
        folder.add(sample())
        folder.add(sample(index=1, verdict="error", error="NameError"))
    result = read_result(tmp_path / "out")
    assert (result.name, result.settings) == ("out", SETTINGS)
    assert result.samples == [sample(), sample(index=1, verdict="error", error="NameError")]


@pytest.mark.parametrize("torn", ['{"temperature": 1.0, "prob', "\xe9", '{"temperature": 1.0}'])
def test_a_line_cut_short_by_a_crash_is_dropped_and_the_rest_goes_on(tmp_path, torn):
    with ResultFolder(tmp_path / "out", SETTINGS) as folder:
        folder.add(sample())
    with (tmp_path / "out" / "samples.jsonl").open("ab") as file:
        file.write(torn.encode("latin-1"))
    assert read_result(tmp_path / "out").samples == [sample()]
    with ResultFolder(tmp_path / "out", {**SETTINGS, "samples": 5}) as folder:
        assert folder.samples == [sample()]
        folder.add(sample(index=1))
    assert read_result(tmp_path / "out").samples == [sample(), sample(index=1)]


def test_what_we_failed_to_judge_is_judged_again(tmp_path):
    with ResultFolder(tmp_path / "out", SETTINGS) as folder:
        folder.add(sample())
        folder.add(sample(index=1, verdict="infra"))
    with ResultFolder(tmp_path / "out", SETTINGS) as folder:
        assert folder.samples == [sample()]


def test_another_evaluation_is_not_mixed_in(tmp_path):
    ResultFolder(tmp_path / "out", SETTINGS).__exit__()
    with pytest.raises(ResultError, match="seed 0, not 1"):
        ResultFolder(tmp_path / "out", {**SETTINGS, "seed": 1})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(ResultError, match="is no evaluation"):
        ResultFolder(tmp_path / "other", SETTINGS)
    with pytest.raises(ResultError, match="no result"):
        read_result(tmp_path / "other")


def test_a_damaged_file_names_its_line(tmp_path):
    ResultFolder(tmp_path / "out", SETTINGS).__exit__()
    (tmp_path / "out" / "samples.jsonl").write_text(json.dumps({"problem_id": "p"}) + "\n")
    with pytest.raises(ResultError, match=r"samples.jsonl:1"):
        read_result(tmp_path / "out")


# Sums


def test_rates_by_difficulty_by_hand():
    samples = [
        *group("a", 1, 4, difficulty="interview"),
        *group("b", 4, 4, difficulty="introductory"),
        *group("c", 0, 4, difficulty="introductory"),
    ]
    overall, easy, middle = rows_of(samples, [1, 2], [1])
    assert [row.difficulty for row in (overall, easy, middle)] == ["all", "introductory", "interview"]
    assert overall.rates["pass@1"].value == pytest.approx((0.25 + 1 + 0) / 3)
    assert overall.rates["pass@2"].value == pytest.approx((0.5 + 1 + 0) / 3)
    assert (easy.rates["pass@1"].value, middle.rates["pass@1"].value) == (0.5, 0.25)
    assert overall.outcomes == {"failed": 7 / 12, "passed": 5 / 12}
    assert "1@2" not in overall.rates  # no problem has public tests


def test_filtering_by_public_tests_by_hand():
    samples = [
        sample("a", 0, "passed", public=True),
        sample("a", 1, "failed", public=False),
        *group("b", 1, 2, public=None),
    ]
    (row,) = rows_of(samples, [1, 2], [1])
    assert row.rates["pass@1"].value == 0.5
    assert row.rates["1@2"].value == pytest.approx((1.0 + 0.5) / 2)  # a: filtered; b: nothing to filter by


def test_infra_is_in_no_rate_and_problems_short_of_samples_are_counted():
    samples = [*group("a", 2, 2), sample("b", 0, "passed"), sample("b", 1, "infra")]
    (row,) = rows_of(samples, [1, 2], [1])
    assert (row.problems, row.infra, row.short) == (2, 1, 1)
    assert (row.rates["pass@1"].problems, row.rates["pass@2"].problems) == (2, 1)


def test_greedy_samples_have_pass_at_1_only():
    greedy = [sample("a", 0, temperature=0.0)]
    first, second = rows_of([*greedy, *group("a", 1, 2)], [1, 2], [1])
    assert (set(first.rates), set(second.rates)) == ({"pass@1"}, {"pass@1", "pass@2"})


# Comparing


def test_results_are_compared_on_common_problems_and_temperatures():
    first = Result("one", {}, [*group("a", 0, 2), *group("b", 1, 2), *group("only", 2, 2)])
    second = Result("two", {}, [*group("a", 2, 2), *group("b", 1, 2)])
    (row,) = compared(first, second, [1])
    assert (row.first, row.second, row.difference.value, row.difference.problems) == (0.25, 0.75, 0.5, 2)
    hot = Result("hot", {}, [replace(each, temperature=2.0) for each in second.samples])
    assert compared(first, hot, [1])[0].temperatures == (1.0, 2.0)
    with pytest.raises(ResultError, match="no problem in common"):
        compared(first, Result("none", {}, group("z", 1, 2)), [1])
    both = Result("both", {}, [*hot.samples, *(replace(each, temperature=3.0) for each in second.samples)])
    with pytest.raises(ResultError, match="no temperature in common"):
        compared(first, both, [1])


def test_k_is_what_all_results_have_samples_for():
    first, second = Result("one", {}, group("a", 0, 12)), Result("two", {}, group("a", 0, 5))
    assert common_ks([first], []) == [1, 5, 10]
    assert common_ks([first, second], []) == [1, 5]
    assert common_ks([first, second], [3, 10]) == [3]


# The paper


def test_every_published_row_adds_up_unless_its_note_says_so():
    weights = {"introductory": 1, "interview": 3, "competition": 1}
    checked = 0
    for row in published():
        for k, difficulty in row.rates:
            if difficulty != "all" or (k, "interview") not in row.rates:
                continue
            mean = sum(weight * row.rates[k, level] for level, weight in weights.items()) / 5
            checked += 1
            assert abs(mean - row.rates[k, "all"]) <= 0.00011 or "average" in row.note, (row.method, k)
    assert checked > 20


def test_the_papers_own_numbers_are_there():
    found = {(row.method, row.size): row for row in published_for({"apps"})}
    assert found["RLTF", "770M"].rates[5, "all"] == pytest.approx(0.0378)
    assert found["GPT-2", "1.5B"].rates[1000, "all"] == pytest.approx(0.1232)
    assert {row.method for row in published()} >= {
        "Codex",
        "AlphaCode",
        "GPT-3",
        "GPT-2",
        "GPT-Neo",
        "CodeRL",
        "PPOCoder",
    }
    zero_shot = {row.method: row.rates for row in published_for({"mbpp"})}
    assert zero_shot["CodeT5 + RLTF, zero-shot"] == pytest.approx({(1, "all"): 0.304, (80, "all"): 0.713})
    assert published_for({"mbpp", "apps"}) == published_for({"humaneval"}) == ()


def test_a_result_stands_beside_the_papers_rows_at_the_same_k_and_difficulty():
    samples = [
        *group("a", 1, 2, difficulty="introductory"),
        *group("b", 0, 2, difficulty="interview"),
    ]
    rows = list(beside_published("ours", rows_of(samples, [1], []), published_for({"apps"}), 1))
    assert [row.method for row in rows if row.ours] == ["ours, T=1, 2 problems"]
    assert {level: estimate.value for level, estimate in rows[-1].rates.items()} == {
        "all": 0.25,
        "introductory": 0.5,
        "interview": 0.0,
    }
    assert "AlphaCode" not in {row.method for row in rows}  # it has no pass@1


def test_tables_lose_nothing_in_a_narrow_terminal():
    from io import StringIO

    from rich.console import Console

    from training.evaluation.tables import rates_table, show_comparisons

    ours = Result(
        "runs/x/step-60",
        {},
        [*group("a", 1, 12, difficulty="introductory"), *group("b", 3, 12, difficulty="[/interview]")],
    )
    console = Console(width=80, file=StringIO())
    console.print(rates_table("[ours]", rows_of(ours.samples, [1, 5, 10], [1, 5])))
    show_comparisons(console, [(ours, ours)], [ours], [1, 5])
    text = console.file.getvalue()
    assert "…" not in text
    assert "[ours]" in text
    assert "[/interview]" in text  # data cannot style or break the tables
    assert "CodeRL + critic sampling" in text
    assert "(1) the levels of pass@5 average to 0.98" in text
    assert "introductory 8.33 to 8.33" in text  # one problem, no spread
