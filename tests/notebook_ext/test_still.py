"""What a kernel without anywidget shows, and what of a frozen output is left where a site strips frames and styles."""

import re

from notebook_ext.frozen import frozen_run, frozen_sample
from tests.notebook_ext.made_run import make_run, record, reports
from tests.notebook_ext.test_views import executed  # noqa: F401 - a fixture
from training import Run

BLOCK = """
import sys
sys.modules["anywidget"] = None  # as if it were not installed
sys.modules["ipywidgets"] = None
from notebook_ext import LoopView, SampleView, TrainingView
"""


def test_without_anywidget_every_view_is_a_still_picture_and_one_line_says_what_is_missing(tmp_path, executed):  # noqa: F811
    going = make_run(tmp_path / "going", steps=2, state="running")
    _, running, sample, loop = executed(
        BLOCK,
        f"TrainingView({str(going)!r})",
        f"from training import watch\nrun = watch({str(going)!r})\nSampleView(run.record(run.samples()[0]['seq']))",
        f"with LoopView({str(tmp_path / 'mine')!r}) as view:\n    view.push(1, metrics={{'loss': 1.0}})\nimport time\nwhile not view.frozen:\n    time.sleep(0.1)",
    )
    for cell in (running, sample):
        (output,) = cell.outputs
        assert set(output["data"]) == {"text/html", "text/plain"}
        assert "pip install 'rltf[notebook]'" in output["data"]["text/plain"]
        assert output["data"]["text/html"].startswith("<p>A still picture")
        assert "srcdoc" in output["data"]["text/html"]
    assert "finished at step 1" in loop.outputs[0]["data"]["text/html"]


def stripped(html):
    """What a site like GitHub leaves of an output: no frames, scripts, styles or attributes."""
    html = re.sub(r"<(iframe|script|style)\b.*?</\1>", "", html, flags=re.S)
    return re.sub(r"<(\w+)[^>]*>", r"<\1>", html)


def test_a_run_stripped_of_frames_and_styles_still_says_how_it_went(tmp_path):
    left = stripped(frozen_run(Run(make_run(tmp_path / "made", steps=3))))
    assert "iframe" not in left
    summary = re.search(r"<summary>(.*?)</summary>", left).group(1)
    assert summary.startswith("rltf run made: finished at step 3 of 3, 36 samples, ")
    assert "held-out pass@1 15.0% → 65.0%" in summary or "held-out pass@1" in summary
    assert "<table>" in left


def test_a_sample_stripped_of_styles_still_marks_its_errors_in_its_lines():
    left = stripped(frozen_sample(record(reports()["name"])))
    assert "rltf: sum_even/2: error (NameError), 0 of 3 tests passed" in left
    (line,) = [line for line in left.splitlines() if line.startswith("  5 |")]
    assert "totl += value" in line
    assert "[L runtime NameError] [L pylint E0602]" in line
