import json

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from notebook_ext import SampleView, TrainingView
from tests.notebook_ext.made_run import make_run


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    made = InteractiveShell()
    made.run_line_magic("load_ext", "notebook_ext")
    yield made
    made.history_manager.end_session()


def test_watch_finds_a_run_by_name_by_path_and_the_newest(shell, tmp_path):
    make_run(tmp_path / "runs" / "one", steps=1)
    for words in ("watch one", "watch runs/one", "watch"):
        view = shell.run_line_magic("rltf", words)
        assert isinstance(view, TrainingView)
        assert view.run.name == "one"


def test_commands_go_to_the_runs_control_file(shell, tmp_path, capsys):
    folder = make_run(tmp_path / "runs" / "one", steps=1, state="running")
    for number, command in enumerate(("pause", "resume", "stop"), start=1):
        shell.run_line_magic("rltf", f"{command} one")
        assert json.loads((folder / "control.json").read_text()) == {"command": command, "id": number}
    assert "asked one to stop" in capsys.readouterr().out


def test_export_writes_the_page(shell, tmp_path, capsys):
    make_run(tmp_path / "runs" / "one", steps=1)
    shell.run_line_magic("rltf", "export one page.html")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("words", ["", "dance", "watch nowhere", "watch one two", "pause"])
def test_what_cannot_be_done_is_said_in_one_line(shell, words):
    with pytest.raises(UsageError, match=r"usage:|no run"):
        shell.run_line_magic("rltf", words)


def test_the_cells_code_is_judged_against_a_problem(shell):
    shell.user_ns["problem"] = {"id": "double", "fn_name": "solve", "inputs": [[2]], "outputs": [4]}
    view = shell.run_cell_magic("rltf_feedback", "problem", "def solve(n):\n    return n + 1\n")
    assert isinstance(view, SampleView)
    assert view.record["verdict"] == "failed"
    with pytest.raises(UsageError, match=r"missing\.json"):
        shell.run_cell_magic("rltf_feedback", "missing.json", "pass")
