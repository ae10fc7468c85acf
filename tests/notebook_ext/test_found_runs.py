import json
import math
import sqlite3
import tomllib
import zipfile
from pathlib import Path

import pytest

from notebook_ext.found_runs import MOST, FoundRuns
from tests.notebook_ext.made_run import append_steps, make_run

ROOT = Path(__file__).parents[2]


def test_runs_are_listed_by_last_change_with_state_step_and_results(tmp_path):
    make_run(tmp_path / "runs" / "old", steps=3)
    make_run(tmp_path / "team" / "project" / "runs" / "going", steps=2, per_step=2, state="running")
    found = FoundRuns(tmp_path).rows()
    assert [row["path"] for row in found["runs"]] == ["team/project/runs/going", "runs/old"]
    going, old = found["runs"]
    assert (going["state"], going["step"], going["steps"], going["name"]) == ("running", 2, 2, "going")
    assert old["state"] == "finished"
    assert old["held_out"] == pytest.approx([0.25, 0.65])
    assert found["more"] == 0
    assert old["quiet"] >= going["quiet"] >= 0


def test_what_is_no_run_or_too_deep_or_hidden_is_not_listed(tmp_path):
    for folder in ("a/b/c/runs/deep", ".hidden/runs/one", "runs/.trash"):
        make_run(tmp_path / folder, steps=1, per_step=1)
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "folder" / "run.db").mkdir(parents=True)
    assert FoundRuns(tmp_path).rows() == {"runs": [], "more": 0}


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0 but broken"])
def test_a_database_that_cannot_be_read_is_listed_as_such(tmp_path, content):
    folder = tmp_path / "runs" / "broken"
    folder.mkdir(parents=True)
    (folder / "run.db").write_bytes(content)
    (row,) = FoundRuns(tmp_path).rows()["runs"]
    assert row["state"] == ("starting" if not content else "unreadable")


@pytest.mark.parametrize("data", ["[]", "7", '"running"', "{", '{"state": null, "step": "x", "steps": []}'])
def test_a_state_that_no_trainer_wrote_ends_nothing(tmp_path, data):
    folder = make_run(tmp_path / "runs" / "odd", steps=1, per_step=1)
    with sqlite3.connect(folder / "run.db") as database:
        database.execute("INSERT INTO events VALUES (9999, 1, 0, 'state', ?)", (data,))
        database.execute("INSERT INTO metrics VALUES (9998, 1, 'pass_rate', ?)", (math.inf,))
    database.close()
    (row,) = FoundRuns(tmp_path).rows()["runs"]
    assert row["name"] == "odd"
    json.dumps(row, allow_nan=False)


def test_a_path_names_a_listed_run_and_nothing_else(tmp_path):
    make_run(tmp_path / "root" / "runs" / "mine", steps=1, per_step=1)
    make_run(tmp_path / "runs" / "outside", steps=1, per_step=1)
    found = FoundRuns(tmp_path / "root")
    assert found.run("runs/mine").name == "mine"
    for path in (
        "../runs/outside",
        "runs/../../runs/outside",
        str(tmp_path / "runs" / "outside"),
        "runs",
        "",
        ".",
        "\0",
    ):
        assert found.run(path) is None


def test_a_run_that_changes_is_read_again(tmp_path):
    folder = make_run(tmp_path / "runs" / "one", steps=1, per_step=1, state="running")
    found = FoundRuns(tmp_path)
    assert found.rows()["runs"][0]["step"] == 1
    database = sqlite3.connect(folder / "run.db")
    append_steps(database, 1, 4, per_step=1)
    database.close()
    assert found.rows()["runs"][0]["step"] == 4


def test_of_very_many_runs_the_newest_are_listed_and_the_others_counted(tmp_path):
    for number in range(MOST + 3):
        (tmp_path / "runs" / str(number)).mkdir(parents=True)
        (tmp_path / "runs" / str(number) / "run.db").touch()
    found = FoundRuns(tmp_path).rows()
    assert (len(found["runs"]), found["more"]) == (MOST, 3)


def test_a_wheel_carries_the_extension_where_jupyterlab_looks(tmp_path):
    builders = pytest.importorskip("hatchling.builders.wheel")
    (wheel,) = builders.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split(".data/data/")[1]: name for name in archive.namelist() if ".data/data/" in name}
        package = json.loads(archive.read(names["share/jupyter/labextensions/rltf/package.json"]))
        config = json.loads(archive.read(names["etc/jupyter/jupyter_server_config.d/rltf.json"]))
    assert f"share/jupyter/labextensions/rltf/{package['jupyterlab']['_build']['load']}" in names
    assert {"plugin.js", "panel.js", "runs.js", "panel.css"} <= {Path(name).name for name in names}
    assert package["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert config["ServerApp"]["jpserver_extensions"] == {"notebook_ext.server": True}
