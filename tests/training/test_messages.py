"""One line for what cannot be used or written, before the work where that can be known."""

from __future__ import annotations

import json
import os
import shutil
import threading

import pytest
from safetensors.torch import load_file, save_file

from tests.training.data_files import MBPP, jsonl
from tests.training.families import build
from tests.training.test_mishaps import can_mount, mounted  # noqa: F401
from training.cli import main
from training.errors import PolicyError
from training.evaluation.results import ResultError, ResultFolder
from training.files import why_unwritable, write_text
from training.models.policy import load_policy
from training.sections import ModelSection


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build("gpt2", tmp_path_factory.mktemp("gpt2"))


def refused(capsys, *words, status=2):
    capsys.readouterr()
    assert main(list(words)) == status
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


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


DAMAGE = {
    "cut": lambda content: content[: len(content) // 2],
    "emptied": lambda _: b"",
    "no text": lambda _: b"\xff\xfe\x00",
    "another kind": lambda _: b"[1, 2]",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_of_a_model_is_one_line(folder, tmp_path, capsys, damage):
    for name in ("config.json", "generation_config.json", "tokenizer_config.json", "vocab.json", "model.safetensors"):
        spoiled = tmp_path / name
        shutil.copytree(folder, spoiled)
        (spoiled / name).write_bytes(DAMAGE[damage]((folder / name).read_bytes()))
        line = refused(capsys, *evaluation(spoiled))
        assert str(spoiled) in line
        assert "damaged" in line or "cannot be loaded" in line


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("family", ["gpt2", "qwen2", "codet5"])
def test_merges_that_were_cut_do_not_become_another_tokenizer(tmp_path, family, kept):
    spoiled = build(family, tmp_path / family)
    load_policy(ModelSection(name=str(spoiled)))
    content = (spoiled / "merges.txt").read_bytes()
    (spoiled / "merges.txt").write_bytes(content[: content.rindex(b"\n", 0, int(len(content) * kept) + 20)])
    with pytest.raises(PolicyError, match=r"its merges\.txt is damaged: \d+ of the \d+ longer pieces"):
        load_policy(ModelSection(name=str(spoiled)))


def test_weights_that_are_no_numbers_are_named(folder, tmp_path):
    spoiled = tmp_path / "spoiled"
    shutil.copytree(folder, spoiled)
    weights = load_file(spoiled / "model.safetensors")
    next(iter(weights.values())).fill_(float("nan"))
    save_file(weights, spoiled / "model.safetensors", {"format": "pt"})
    with pytest.raises(PolicyError, match="its weights are damaged: they give logits that are not numbers"):
        load_policy(ModelSection(name=str(spoiled)))


@pytest.mark.parametrize("template", ["{% for message in messages %}{{", "{{ raise_exception('no user') }}"])
def test_a_chat_template_that_fails_is_one_line(tmp_path, capsys, template):
    model = build("qwen2", tmp_path / "model")
    settings = json.loads((model / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": template}))
    assert "the chat template of" in refused(capsys, *evaluation(model))


def test_weights_of_another_model_are_not_replaced_by_random_ones(folder, tmp_path):
    other = build("qwen2", tmp_path / "qwen2")
    shutil.copy(folder / "model.safetensors", other)
    with pytest.raises(PolicyError, match=r"weights are another model's or damaged: \S+ and others are"):
        load_policy(ModelSection(name=str(other)))


def test_an_adapter_that_lacks_weights_is_not_completed_by_random_ones(tmp_path):
    section = ModelSection(name=str(build("qwen2", tmp_path / "base")), lora_rank=2)
    policy = load_policy(section)
    policy.model.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    assert load_policy(section, tmp_path)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    save_file(dict(list(weights.items())[1:]), tmp_path / "adapter_model.safetensors")
    for given in ((section, tmp_path), (ModelSection(name=str(tmp_path)), None)):
        with pytest.raises(PolicyError, match="adapter is damaged: Found missing adapter keys"):
            load_policy(*given)


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


GRID = 'seeds = [0]\n[common.data]\ntrain = "nothing:at all"\n[arms.a.objective]\nfine = 0.0\n'


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["feedback", "p.py", "--problem", "p.json", "--html", "folder"], "folder"),
        (["feedback", "p.py", "--problem", "p.json", "--html", "none/page.html"], "none/page.html"),
        (["feedback", "--batch", "b.jsonl", "--out", "folder"], "folder"),
        (["feedback", "--batch", "b.jsonl", "--out", "none/out.jsonl"], "none/out.jsonl"),
        (["report", "run", "--out", "none/page.html"], "none/page.html"),
        (["report", "run"], "run/report.html"),
        (["ablate", "grid.toml", "--out", "p.py"], "p.py"),
        (["ablate", "grid.toml", "--out", "grid"], "grid/tables.md"),
        (["eval", "nothing", "--data", "d.jsonl", "--prompt-format", "{prompt}", "--out", "p.py"], "p.py"),
        (["audit", "d.jsonl", "--out", "none/kept.jsonl"], "none/kept.jsonl"),
        (["amplify", "d.jsonl", "--out", "folder"], "folder"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_written_is_found_before_the_work(tmp_path, monkeypatch, capsys, words, name):
    """The work is made impossible here: no worker starts, and no model is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("engine.judge.Judge.__init__", lambda *_, **__: pytest.fail("the work has begun"))
    monkeypatch.setattr("training.commands.report.build_page", lambda *_, **__: pytest.fail("the work has begun"))
    for folder in ("folder", "run/report.html", "grid/tables.md"):
        (tmp_path / folder).mkdir(parents=True)
    jsonl(tmp_path / "d.jsonl", MBPP)
    (tmp_path / "grid.toml").write_text(GRID)
    for file in ("p.py", "p.json", "b.jsonl"):
        (tmp_path / file).write_text("{}")
    (tmp_path / "run" / "config.toml").touch()
    line = refused(capsys, *words)
    assert line.startswith(f"rltf {words[0]}: ")
    assert name in line


def test_a_summary_that_cannot_be_written_is_found_before_the_first_sample(tmp_path):
    with ResultFolder(tmp_path, {}):
        pass
    (tmp_path / "summary.json").mkdir()
    with pytest.raises(ResultError, match=r"summary\.json: cannot be written: is a folder"):
        ResultFolder(tmp_path, {})


def test_what_is_no_file_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    assert why_unwritable(pipe) == ""
    write_text(pipe, "page")
    reader.join()
    assert found == ["page"]
    assert pipe.is_fifo()


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
