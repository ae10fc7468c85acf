"""One line for what cannot be used or written, before the work where that can be known."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.training.data_files import MBPP, jsonl
from tests.training.families import build
from tests.training.test_mishaps import can_mount, mounted  # noqa: F401
from training.cli import main
from training.files import why_unwritable


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build("gpt2", tmp_path_factory.mktemp("gpt2"))


def refused(capsys, *words, status=2):
    capsys.readouterr()
    assert main(list(words)) == status
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def evaluation(model):
    return ["eval", str(model), "--data", "minicode:short:held_out", "--limit", "1", "--samples", "1"]


def test_a_model_folder_without_a_tokenizer_is_named(folder, tmp_path, capsys):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / name, bare)
    assert "no tokenizer in it" in refused(capsys, *evaluation(bare))


def test_a_run_in_place_of_its_checkpoint_is_told_of_the_newest(tmp_path, capsys):
    (tmp_path / "checkpoints" / "step-7").mkdir(parents=True)
    line = refused(capsys, *evaluation(tmp_path))
    assert f"it is a run: name a checkpoint, as {tmp_path}/checkpoints/step-7" in line


def test_an_adapter_whose_base_is_not_here_names_it(folder, tmp_path, capsys):
    adapter = tmp_path / "adapter"
    shutil.copytree(folder, adapter)
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "models/gone"}))
    line = refused(capsys, *evaluation(adapter))
    assert "is an adapter of 'models/gone', which cannot be loaded from" in line


def test_a_run_name_that_is_not_allowed_says_what_is(capsys):
    line = refused(capsys, "train", "--run", "a/b")
    assert "run.name: 'a/b' is not allowed" in line
    assert "letters, digits" in line
    assert "^" not in line


def test_a_split_without_problems_says_why(tmp_path, capsys):
    data = jsonl(tmp_path / "m.jsonl", MBPP)
    line = refused(capsys, "data", f"mbpp:{data}:test")
    assert "no problems in it: 1 records are of another split or difficulty" in line


def test_a_second_problem_of_an_id_is_named_with_its_line(tmp_path, capsys):
    data = jsonl(tmp_path / "m.jsonl", MBPP, MBPP)
    assert main(["data", str(data), "--problems", "0"]) == 1
    assert f"{data}:2: problem '7': another one has the same id" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_known_before(tmp_path):
    assert why_unwritable(tmp_path / "new.jsonl") == ""
    assert not list(tmp_path.iterdir())
    assert "no folder" in why_unwritable(tmp_path / "none" / "new.jsonl")
    assert "cannot be written" in why_unwritable(tmp_path / ("n" * 300))


def test_a_full_disk_ends_an_evaluation_with_a_line(tmp_path, can_mount):  # noqa: F811
    import subprocess
    import sys

    small = tmp_path / "small"
    small.mkdir()
    words = [*evaluation("embedded:short")[:-1], "400", "--max-new-tokens", "32", "--out", str(small / "out")]
    script = 'head -c 120k /dev/zero > "$0/ballast"; shift 0; exec "$@"'
    run = mounted(small, "size=140k", "sh", "-c", script, str(small), sys.executable, "-m", "training", *words)
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "rltf eval: --out" in done.stderr
    assert "No space left on device" in done.stderr
