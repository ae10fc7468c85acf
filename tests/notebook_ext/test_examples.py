from pathlib import Path

import nbformat
import pytest

from tests.notebook_ext import kernel
from tests.notebook_ext.made_run import make_run

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
SHORT = {
    "training.steps": "1",
    "training.supervised_batch": "4",
    "buffer.initial": "4",
    "buffer.capacity": "8",
    "buffer.batch_size": "8",
    "sampler.problems_per_step": "2",
    "sampler.samples_per_problem": "2",
    "data.held_out_limit": "2",
    "evaluation.samples_per_problem": "1",
}


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Runs an example with other parameters than its own and gives its code cells."""
    for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOKS.parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(name, parameters=None, wait=""):
        notebook = nbformat.read(NOTEBOOKS / name, 4)
        for cell in notebook.cells:
            if "parameters" in cell.metadata.get("tags", ()):
                assert parameters is not None
                cell.source += f"\n{parameters}"
        if wait:
            notebook.cells.append(nbformat.v4.new_code_cell(wait))
        kernel.execute(notebook, NOTEBOOKS)
        return [cell for cell in notebook.cells if cell.cell_type == "code"]

    return run


def html(cell):
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)


def text(cell):
    return "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def test_train_and_watch(execute, tmp_path):
    wait = """
import time
while not view.frozen:
    time.sleep(0.1)
print(run.state["state"], run.summary["steps"], len(run.samples()))"""
    cells = execute("train-and-watch.ipynb", f"overrides = {SHORT | {'run.folder': str(tmp_path)}!r}", wait)
    assert text(cells[-1]).strip() == "finished 1 4"
    assert "<iframe" in html(cells[1]), "the output is frozen when the run ends"


def test_inspect_feedback(execute):
    cells = execute("inspect-feedback.ipynb")
    assert "UnboundLocalError" in html(cells[2])
    assert text(cells[3]).startswith("failed 0.25")


def test_own_loop(execute, tmp_path):
    wait = """
import time
while not view.frozen:
    time.sleep(0.1)
print(view.run.state["state"], view.run.state["step"], len(view.run.samples()))"""
    cells = execute("own-loop.ipynb", f"steps, folder = 4, {str(tmp_path / 'own')!r}", wait)
    assert text(cells[-1]).strip() == "finished 4 32"
    assert "<iframe" in html(cells[2])


def test_compare_runs(execute, tmp_path):
    folders = [str(make_run(tmp_path / name, steps=4, seed=seed)) for seed, name in enumerate(("one", "two"))]
    cells = execute("compare-runs.ipynb", f"folders = {folders!r}")
    assert text(cells[1]).splitlines()[0].startswith("one step")
    assert all("<iframe" in html(cell) for cell in cells[-2:])


def test_grpo_with_token_rewards(execute, tmp_path):
    pytest.importorskip("trl", reason="TRL is not installed: pip install 'rltf[trl]'")
    cells = execute("grpo-token-rewards.ipynb", f"steps, folder = 2, {str(tmp_path / 'grpo')!r}")
    assert len(text(cells[-1]).split(":")[1].split()) == 2
    lines = text(cells[1]).splitlines()
    assert any(line.startswith("-") for line in lines)
    assert "NameError" in html(cells[2])
