"""What a page carries: all programs and verdicts, tokens within a budget, the run's configuration, other runs."""

import base64
import gzip
import json
import math
import unicodedata
from collections import Counter

import pytest

from tests.notebook_ext.made_run import make_run
from training.commands import report
from training.config import TrainConfig
from training.page import page_data, run_about
from training.page.data import mark_counts, outcome_counts
from training.page.html import _INVISIBLE, escape
from training.run import Run


def unpacked(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = make_run(tmp_path_factory.mktemp("pages") / "run", steps=6, per_step=8)
    (path / "config.toml").write_text(TrainConfig().to_toml())
    return Run(path)


def test_a_page_keeps_every_program_and_says_how_many_samples_it_keeps_tokens_of(run):
    data = page_data(run, budget=10_000)
    samples = unpacked(data["rows"])["samples"]
    held = {sample["seq"] for sample in samples if sample["held"]}
    assert [sample["program"] for sample in samples] == [sample["program"] for sample in run.samples()]
    assert 0 < len(held) < 48
    assert {int(seq) for seq in unpacked(data["records"])} == held
    assert f"tokens of {len(held)} of its 48 samples" in data["notice"]
    assert "--budget all" in data["notice"]


def test_a_budget_of_all_keeps_all_and_has_nothing_to_say(run):
    data = page_data(run, budget=math.inf)
    assert len(unpacked(data["records"])) == 48
    assert data["notice"] == ""


def test_a_sample_with_a_note_keeps_its_tokens_first(run):
    seq = run.samples()[5]["seq"]
    run.note(seq, "why?")
    data = page_data(run, budget=2_000)
    run.note(seq, "")
    assert str(seq) in unpacked(data["records"])
    assert data["notes"] == {seq: "why?"}


def test_a_run_says_its_model_data_machine_and_the_command_to_do_it_again(run):
    about = run_about(run)
    facts = dict(about["facts"])
    assert (facts["model"], facts["data"], facts["seed"]) == ("embedded:short", "minicode:short:train", "0")
    assert "Python 3" in facts["versions"]
    assert about["command"] == f"rltf train {run.path / 'config.toml'} --run run-again"
    assert about["config"]["optimizer.learning_rate"] == "0.0005"


def test_a_run_whose_configuration_cannot_be_read_is_shown_without(tmp_path):
    path = make_run(tmp_path / "odd", steps=1)
    (path / "config.toml").write_text("not [toml")
    (path / "about.json").unlink()
    assert run_about(Run(path)) == {"facts": [("held-out problems", "40 x 4 samples")], "command": None, "config": {}}


def test_other_runs_stand_beside_with_their_curves(run, tmp_path):
    other = Run(make_run(tmp_path / "other", steps=2))
    (beside,) = unpacked(page_data(run, beside=[other])["beside"])
    assert beside["name"] == "other"
    assert any(name == "reward/mean" for _, name, _ in beside["metrics"])


def test_report_takes_a_budget_and_other_runs(run, capsys):
    import argparse

    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    assert report.run(parser.parse_args([str(run.path), "--budget", "0.001"])) == 0
    small = (run.path / "report.html").stat().st_size
    assert report.run(parser.parse_args([str(run.path), "--budget", "all", "--beside", str(run.path)])) == 0
    assert (run.path / "report.html").stat().st_size > small
    with pytest.raises(SystemExit):
        parser.parse_args([str(run.path), "--budget", "-1"])
    assert "argument --budget" in capsys.readouterr().err


def test_the_list_of_invisible_characters_holds_every_category_that_hides():
    listed = {code for first, last in _INVISIBLE for code in range(first, last + 1)}
    hiding = {
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs") and chr(code) not in "\t\n "
    }
    assert hiding <= listed
    for code in (0xFE0F, 0xE0100, 0xE0041, 0x3164, 0x115F, 0x180B, 0x2800, 0x034F, 0xFFFF):
        assert code in listed
    assert not {ord(letter) for letter in "az09é日🎉✓\t\n "} & listed
    assert escape("a\U000e0041\u3164<") == "a⟦U+E0041⟧⟦U+3164⟧&lt;"


def test_a_page_may_list_the_newest_samples_only_and_says_so(run):
    data = page_data(run, most=10)
    assert [row["seq"] for row in unpacked(data["rows"])["samples"]] == [row["seq"] for row in run.samples()[-10:]]
    assert "38 older samples are in the run directory only" in data["notice"]


def test_counts_are_those_of_all_samples(run):
    samples = run.samples()
    assert outcome_counts(run) == Counter(sample["outcome"] for sample in samples)
    assert mark_counts(run) == Counter(mark for sample in samples for mark in sample["marks"])
