import json
import sys
import types
from collections import Counter
from html.parser import HTMLParser

import nbformat
import pytest

from feedback import COMPONENTS
from notebook_ext import SampleView, TrainingView
from notebook_ext.frozen import frozen_run, frozen_sample
from notebook_ext.views import KEEP_FIRST, next_pause
from tests.notebook_ext import kernel
from tests.notebook_ext.made_run import make_run, record, reports
from training import Run

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\u202egnp.exe"


class Elements(HTMLParser):
    """Counts elements and collects text, as a browser's parser would find them."""

    def __init__(self, text):
        super().__init__()
        self.count, self.text, self.frames = Counter(), "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.count[tag] += 1
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag == "iframe":
            self.frames.append(dict(attrs))

    def handle_data(self, data):
        self.text += data


def test_sample_view_carries_the_whole_record_to_the_browser():
    made = record(reports()["name"])
    view = SampleView(made)
    sent = view.get_state()["data"]["record"]
    assert sent["program"] == made["program"]
    assert [token["id"] for token in sent["tokens"]] == [token["id"] for token in made["tokens"]]
    for token in sent["tokens"]:
        assert token["reward"] == pytest.approx(sum(token["components"][name] for name in COMPONENTS), abs=1e-4)


def test_in_colab_the_manager_that_third_party_widgets_need_is_turned_on(monkeypatch):
    from anywidget import _util

    class Output(types.ModuleType):
        turned_on = 0
        _widgets = types.SimpleNamespace(_installed_url="made/manager.js")

        def enable_custom_widget_manager(self):
            self.turned_on += 1

    output = Output("google.colab.output")
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    _util.enable_custom_widget_manager_once.cache_clear()
    _, metadata = SampleView(record(reports()["name"]))._repr_mimebundle_()
    assert output.turned_on == 1
    assert "made/manager.js" in json.dumps(metadata)
    _util.enable_custom_widget_manager_once.cache_clear()


def test_training_view_sends_only_small_state_by_itself(tmp_path):
    view = TrainingView(make_run(tmp_path / "big", steps=20))
    assert len(json.dumps(view.get_state()["data"])) < 100
    view.close()


def test_a_frozen_output_is_sandboxed_and_says_the_same_as_text(tmp_path):
    run = Run(make_run(tmp_path / "made", steps=3))
    page = Elements(frozen_run(run))
    (frame,) = page.frames
    assert frame["sandbox"] == "allow-scripts allow-downloads"
    assert "held-out pass@1" in page.text
    assert "[L pylint E0602]" in page.text or "[L runtime" in page.text
    assert len(frozen_run(run)) < 2_000_000


def test_a_young_run_is_kept_often_and_no_run_takes_more_than_a_thirtieth_of_a_core():
    pauses = [KEEP_FIRST]
    for _ in range(5):
        pauses.append(next_pause(pauses[-1], took=0.1))
    assert pauses == [10, 20, 40, 80, 120, 120]
    assert next_pause(10, took=20) == 600


def test_hostile_text_stays_text_in_a_frozen_sample():
    made = record(reports()["name"])
    made |= {
        "program": HOSTILE,
        "problem_id": HOSTILE,
        "diagnostics": [made["diagnostics"][0] | {"message": HOSTILE, "code": HOSTILE}],
    }
    outer = Elements(frozen_sample(made))
    assert outer.count["img"] == outer.count["script"] == 0
    assert "\u202e" not in outer.text
    assert "⟦U+202E⟧" in outer.text
    inner = Elements(outer.frames[0]["srcdoc"])
    assert inner.count["img"] == 0
    assert inner.count["script"] == 2  # the data and the view's own


SCORED = """
import numpy as np
from engine import Engine, parse_problem
from feedback import assess
from training import Scored
problem = parse_problem({"id": "p", "fn_name": "f", "inputs": [[1]], "outputs": [1]})
with Engine() as engine:
    report = engine.submit(b"def f(x): return y", problem).result()
feedback = assess(report, np.array([(0, 3), (3, 18)], np.int32))
view = SampleView(Scored(problem, feedback, [11, 12], [-0.5, -0.6], [1.5, 2.5]))
display(view)
tokens = view.record["tokens"]
print([token["id"] for token in tokens], tokens[0]["logprob"], tokens[0]["advantage"], view.problem is problem)
"""


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """Executes the cells of a notebook in a kernel of its own and returns them."""
    for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def execute(*cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        kernel.execute(notebook)
        return notebook.cells

    return execute


def test_views_show_in_a_notebook_without_errors(tmp_path, executed):
    make_run(tmp_path / "done", steps=3)
    make_run(tmp_path / "going", steps=3, state="running")
    done, going, sample, scored = executed(
        f"from notebook_ext import SampleView, TrainingView\nfrom training import watch\nTrainingView(watch({str(tmp_path / 'done')!r}))",
        f"view = TrainingView({str(tmp_path / 'going')!r})\nview",
        "SampleView(watch(view.run.path).record(view.run.samples()[0]['seq']))",
        SCORED,
    )
    assert "srcdoc" in done.outputs[0]["data"]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in going.outputs[0]["data"]
    assert "srcdoc" not in going.outputs[0]["data"]["text/html"]
    kept = Elements(going.outputs[1]["data"]["text/html"])  # what a reader without this kernel sees
    assert "rltf run going: running at step 3 of 3" in kept.text
    assert kept.count["table"] == 2
    for cell in (sample, scored):
        assert "application/vnd.jupyter.widget-view+json" in cell.outputs[0]["data"]
        assert "srcdoc" in cell.outputs[1]["data"]["text/html"]
    assert "[11, 12] -0.5 1.5 True" in scored.outputs[2]["text"]
    assert not [
        output
        for cell in (done, going, sample)
        for output in cell.outputs
        if output["output_type"] in ("error", "stream")
    ]
