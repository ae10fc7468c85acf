"""A run as pandas data frames and Parquet files."""

import pandas
import pytest

from tests.notebook_ext.made_run import make_run
from training.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run.open(make_run(tmp_path_factory.mktemp("frames") / "run", steps=3, per_step=4))


def test_samples_are_rows_with_their_components_in_columns(run):
    samples = run.frame("samples")
    assert len(samples) == 12
    parts = samples[["reward/coarse", "reward/adaptive", "reward/fine", "reward/static"]].sum(axis=1)
    assert (parts - samples["reward"]).abs().max() < 1e-4
    assert samples["program"].str.startswith("def solve").all()


def test_tokens_carry_their_sample_and_their_reward_adds_up(run):
    tokens = run.frame("tokens")
    assert len(tokens) == run.frame("samples")["tokens"].sum()
    parts = tokens[["reward/coarse", "reward/adaptive", "reward/fine", "reward/static"]].sum(axis=1)
    assert (parts - tokens["reward"]).abs().max() < 1e-4
    assert tokens.groupby("seq")["token"].max().add(1).sum() == len(tokens)


def test_a_frame_survives_parquet(run, tmp_path):
    metrics = run.frame("metrics")
    metrics.to_parquet(tmp_path / "metrics.parquet")
    assert pandas.read_parquet(tmp_path / "metrics.parquet").equals(metrics)
    run.frame("samples").to_parquet(tmp_path / "samples.parquet")


def test_another_table_is_refused_in_one_line(run):
    with pytest.raises(ValueError, match="'samples', 'tokens' or 'metrics', not 'events'"):
        run.frame("events")
