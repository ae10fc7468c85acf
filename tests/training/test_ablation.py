"""Grids of runs: what is read, run, gone on with and summed up."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import pytest

from training.cli import main
from training.config import ConfigError, TrainConfig
from training.errors import RunError
from training.evaluation.grid import Outcome, Point, holds, load_grid, read_outcomes, settings, valid_outcomes
from training.evaluation.grid_tables import area, draw, estimate, tables
from training.run import launch

GRID = """
seeds = [0, 1]
references = ["both"]

[common.training]
steps = 2

[arms.both]

[arms."coarse | only".objective]
fine = 0.0
adaptive = 0.0
"""
SMALL = """
seeds = [0]
[common]
"data.limit" = 4
"data.held_out_limit" = 2
"sampler.problems_per_step" = 1
"sampler.samples_per_problem" = 2
"buffer.initial" = 0
"training.steps" = 1
"training.supervised_batch" = 1
"evaluation.samples_per_problem" = 1
[arms.one]
[arms.two.objective]
fine = 0.0
"""


@pytest.fixture
def grid_file(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "grid.toml"
        path.write_text(text)
        return path

    return write


def outcome(grid, arm: str, seed: int, rates: list[float], **classes: float) -> Outcome:
    config = grid.run_config(next(each for each in grid.arms if each.name == arm), seed)
    curve = tuple(Point(10 * i, 100 * i, rate, rate) for i, rate in enumerate(rates))
    return Outcome(arm, seed, settings(config), curve, classes, 1.0)


def test_arms_are_the_common_keys_with_their_own_laid_over(grid_file):
    grid = load_grid(grid_file(GRID))
    assert [arm.name for arm in grid.arms] == ["both", "coarse | only"]
    assert grid.arms[1].overrides == {"training.steps": 2, "objective.fine": 0.0, "objective.adaptive": 0.0}
    assert grid.run_config(grid.arms[1], 1).run.seed == 1


def test_axes_multiply_the_arms(grid_file):
    text = '[axes]\n"sampler.temperature" = [0.6, 1.0]\n"run.threads" = [1, 2]\n[arms.a]\n[arms.b]\n'
    names = [arm.name for arm in load_grid(grid_file(text)).arms]
    assert names == [f"{arm}, {heat}, {threads}" for arm in "ab" for heat in (0.6, 1.0) for threads in (1, 2)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[arms.a.objective]\nfin = 1", "arm 'a': objective.fin: no such key; did you mean objective.fine"),
        ("[arms.a.training]\nsteps = 0", "arm 'a': training.steps: input should be greater than 0, not 0"),
        ("seeds = [0]", "arms: at least one is needed"),
        ("seeds = 5\n[arms.a]", "seeds: must be a list of whole numbers from 0, not 5"),
        ("[axes]\nx = 3\n[arms.a]", "axes: x: must be a list of values, not 3"),
        ('references = ["b"]\n[arms.a]\n[arms.c]', "references: must be a list of a, c, not ['b']"),
        ('references = "a"\n[arms.a]', "references: must be a list of a, not 'a'"),
        ("references = []\n[arms.a]", "references: must be a list of a, not []"),
        ("arm = 1", "arm: no such key; allowed: config, seeds, references, common, axes, arms"),
        ("= 1", "not TOML"),
        ("arms = 1", "arms: must be a table, as in [arms], not 1"),
        ("common = 1\n[arms.a]", "common: must be a table"),
        ("axes = 1\n[arms.a]", "axes: must be a table"),
        ("config = 1\n[arms.a]", "config: must be a file's name, not 1"),
        ("seeds = [0, 0]\n[arms.a]", "seeds: each may stand there once, not [0, 0]"),
    ],
)
def test_what_is_wrong_in_a_grid_is_said_in_one_line(grid_file, text, said):
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as error:
        load_grid(grid_file(text))
    assert said in str(error.value)


def test_an_outcome_counts_only_for_the_configuration_it_was_made_with(grid_file):
    grid = load_grid(grid_file(GRID))
    other = load_grid(grid_file(GRID.replace("steps = 2", "steps = 3")))
    known = [outcome(grid, "both", 0, [0.1, 0.2]), outcome(other, "both", 1, [0.1, 0.2])]
    assert list(valid_outcomes(grid, known)) == [("both", 0)]


def test_an_outcome_holds_wherever_it_was_made_and_whatever_keys_have_come_since():
    assert holds(TrainConfig(), settings(TrainConfig.load(overrides={"run.folder": "/x", "run.threads": 3})))
    assert holds(TrainConfig(), {**settings(TrainConfig()), "objective.gone": 3})
    assert holds(TrainConfig(), {"training.steps": TrainConfig().training.steps})
    assert not holds(TrainConfig(), settings(TrainConfig.load(overrides={"run.seed": 1})))


def test_standard_error_and_interval_are_students():
    value = estimate([0.1, 0.2, 0.3])
    assert value.mean == pytest.approx(0.2)
    assert value.error == pytest.approx(0.1 / math.sqrt(3))
    assert value.half_width == pytest.approx(4.302653 * 0.1 / math.sqrt(3))  # t(0.975, 2) from a printed table
    assert math.isnan(estimate([0.5]).error)


def test_differences_are_paired_by_seed(grid_file):
    grid = load_grid(grid_file(GRID))
    runs = [
        outcome(grid, "both", 0, [0.1, 0.50], passed=0.5, failed=0.5),
        outcome(grid, "both", 1, [0.1, 0.70], passed=0.7, failed=0.3),
        outcome(grid, "coarse | only", 0, [0.1, 0.40], passed=0.4, failed=0.6),
        outcome(grid, "coarse | only", 1, [0.1, 0.60], passed=0.6, failed=0.4),
    ]
    text = tables(grid, valid_outcomes(grid, runs))
    assert "| both | 2 | 100 | 60.0 ± 10.0 | 60.0 ± 10.0 | 35.0 ± 5.0 |" in text
    assert r"| coarse \| only | 2 | -10.0 | -10.0 to -10.0 | -5.0 | -5.0 to -5.0 |" in text
    assert "| both | 60.0 | 40.0 | 0.0 |" in text
    assert "| both | 10.0 ± 0.0 | 60.0 ± 10.0 |" in text  # after 0 and 10 steps


def test_every_reference_has_its_table(grid_file):
    grid = load_grid(grid_file(GRID.replace('["both"]', '["both", "coarse | only"]')))
    runs = [outcome(grid, "both", 0, [0.1, 0.5]), outcome(grid, "coarse | only", 0, [0.1, 0.4])]
    text = tables(grid, valid_outcomes(grid, runs))
    assert r"| coarse \| only | 1 | -10.0 |" in text
    assert "| both | 1 | +10.0 |" in text


def test_an_arm_that_has_not_run_is_shown_as_such(grid_file):
    grid = load_grid(grid_file(GRID))
    text = tables(grid, valid_outcomes(grid, [outcome(grid, "both", 0, [0.1, 0.5])]))
    assert r"| coarse \| only | 0 |  | not run |  |  |" in text
    assert "| both | 1 | 100 | 50.0 | 50.0 | 30.0 |" in text


def test_the_mean_over_a_run_weighs_steps_and_not_evaluations():
    curve = (Point(0, 0, 0.0, 0.0), Point(10, 1, 1.0, 1.0), Point(40, 4, 1.0, 1.0))
    assert area(Outcome("a", 0, {}, curve, {}, 1.0)) == pytest.approx((5 + 30) / 40)


def test_the_plot_has_a_panel_for_each_arm_that_ran(grid_file, tmp_path):
    grid = load_grid(grid_file(GRID))
    draw(grid, valid_outcomes(grid, [outcome(grid, "both", 0, [0.1, 0.5])]), tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert "<!-- both -->" in text
    assert "coarse" not in text


def test_a_line_cut_short_by_a_crash_is_run_again(grid_file, tmp_path):
    grid = load_grid(grid_file(GRID))
    whole = msgspec.json.encode(outcome(grid, "both", 0, [0.1])) + b"\n"
    (tmp_path / "outcomes.jsonl").write_bytes(whole + whole[: len(whole) // 2])
    assert [each.seed for each in read_outcomes(tmp_path)] == [0]


@pytest.mark.slow
def test_a_grid_trains_every_arm_goes_on_and_names_the_run_that_fails(grid_file, tmp_path, capsys):
    path = grid_file(SMALL)
    assert main(["ablate", str(path), "--out", str(tmp_path / "out"), "--parallel", "2"]) == 0
    lines = (tmp_path / "out" / "outcomes.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["arm"] for line in lines) == ["one", "two"]
    assert [point["samples"] for point in json.loads(lines[0])["curve"]] == [0, 2]
    assert "| one | 1 | 2 |" in (tmp_path / "out" / "tables.md").read_text()
    assert not list((tmp_path / "out" / "runs").iterdir())

    capsys.readouterr()
    path.write_text(SMALL + '\n[arms.broken.model]\nname = "no/such/folder"\n')
    assert main(["ablate", str(path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "2 of 3 runs are done already" in said.out
    assert "broken, seed 0: exit status 2" in said.err
    assert "no/such/folder" in said.err
    assert len((tmp_path / "out" / "outcomes.jsonl").read_text().splitlines()) == 2


def test_launch_resumes_only_a_run_that_exists(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "run.db").touch()
    config = TrainConfig.load(overrides={"run.folder": str(tmp_path), "run.name": "here"})
    with pytest.raises(RunError, match="there is a run of this name"):
        launch(config)


@pytest.mark.parametrize("path", sorted(Path("examples/ablations").glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_grids_are_valid(path):
    grid = load_grid(path)
    configs = [settings(grid.run_config(arm, 0)) for arm in grid.arms]
    assert all(configs.count(config) == 1 for config in configs)


def test_the_published_outcomes_count_for_the_grid_that_made_them():
    root = Path(__file__).parents[2]
    grid = load_grid(root / "examples" / "ablations" / "long.toml")
    outcomes = read_outcomes(root / "docs" / "results" / "long")
    assert len(valid_outcomes(grid, outcomes)) == len({(each.arm, each.seed) for each in outcomes}) > 80
