import base64
import gzip
import itertools
import json
import re
import shutil
import subprocess

import pytest

from tests.notebook_ext.made_run import make_run
from training.cli import main
from training.page import build_page, page_data, sample_summaries, view_script
from training.run import Run


def unpacked(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))


@pytest.fixture
def run(tmp_path):
    return Run(make_run(tmp_path / "made", steps=6))


def embedded(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL).group(1))


def test_report_writes_a_page_that_needs_nothing_else(run, capsys):
    assert main(["report", str(run.path)]) == 0
    page = (run.path / "report.html").read_text()
    assert capsys.readouterr().out.strip() == str(run.path / "report.html")
    assert not re.search(r'(src|href)="|@import|url\(', page.replace("data:", ""))
    assert "default-src 'none'" in page
    assert embedded(page)["run"]["name"] == "made"


def test_report_of_no_run_is_one_clear_line(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "no run there" in capsys.readouterr().err


def test_a_page_holds_every_sample_and_metric_of_the_run(run):
    data = page_data(run)
    rows = unpacked(data["rows"])
    assert len(rows["samples"]) == 72
    assert {name for _, name, _ in rows["metrics"]} >= {"reward/mean", "pass_rate", "outcome/passed", "held_out/pass@1"}
    records = unpacked(data["records"])
    assert {int(seq) for seq in records} == {sample["seq"] for sample in rows["samples"]}
    assert records[str(rows["samples"][5]["seq"])]["program"] == run.record(rows["samples"][5]["seq"])["program"]


def test_records_beyond_the_budget_are_left_out_evenly_and_said_to_be(run):
    data = page_data(run, budget=12_000)
    held = [place for place, sample in enumerate(unpacked(data["rows"])["samples"]) if sample["held"]]
    assert 5 < len(held) < 72
    assert max(after - before for before, after in itertools.pairwise(held)) <= 16
    assert len(base64.b64decode(data["records"])) < 12_000


def test_summaries_carry_outcome_and_marks_for_the_filters(run):
    found = {sample["outcome"]: sample["marks"] for sample in sample_summaries(run)}
    assert found["passed"] == []
    assert "L syntax SyntaxError" in found["syntax"]
    assert "G runtime TimeoutError" in found.get("timeout", ["G runtime TimeoutError"])
    newest = sample_summaries(run, after=sample_summaries(run)[-2]["seq"])
    assert len(newest) == 1


def test_a_samples_parts_add_up_to_its_mean_reward(run):
    for sample in sample_summaries(run):
        assert sum(sample["parts"].values()) == pytest.approx(sample["reward"], abs=1e-3)


def test_hostile_names_cannot_leave_the_data_or_the_title(tmp_path):
    hostile = "a<!--<script>&'\"\u202e"
    page = build_page(Run(make_run(tmp_path / hostile, steps=1)))
    assert embedded(page)["run"]["name"] == hostile
    assert "\u202e" not in page
    assert page.count("<script") == 2
    assert "<!--" not in page


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_joined_script_is_one_module_without_imports(tmp_path):
    script = view_script()
    assert not re.search(r"^\s*import\b", script, re.MULTILINE)
    assert re.findall(r"^export .*", script, re.MULTILINE) == ["export default { render };"]
    (tmp_path / "view.mjs").write_text(script)
    subprocess.run(["node", "--check", tmp_path / "view.mjs"], check=True)


def test_the_script_never_makes_markup_of_text():
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function",
        view_script(),
    )
