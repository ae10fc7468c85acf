"""`rltf eval`, as a user runs it."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from training.cli import main
from training.minicode import checkpoint

EVAL = ["eval", "embedded:short", "--data", "minicode:short:held_out", "--limit", "4", "--max-new-tokens", "32"]


def test_an_evaluation_is_kept_goes_on_and_is_compared(tmp_path, capsys):
    out = str(tmp_path / "one")
    assert main([*EVAL, "--samples", "2", "--temperature", "0,1", "--k", "1,2", "--out", out]) == 0
    assert "12 samples" in capsys.readouterr().out
    assert main([*EVAL, "--samples", "3", "--temperature", "0,1", "--k", "1,2", "--out", out]) == 0
    said = capsys.readouterr().out
    assert "going on: 12 samples" in said
    assert "\n4 samples" in said
    lines = [json.loads(line) for line in (tmp_path / "one" / "samples.jsonl").read_text().splitlines()]
    assert len({(line["temperature"], line["problem_id"], line["sample"]) for line in lines}) == len(lines) == 16
    summary = json.loads((tmp_path / "one" / "summary.json").read_text())
    assert {row["temperature"] for row in summary["results"]} == {0.0, 1.0}
    assert set(summary["results"][-1]["rates"]) == {"pass@1", "pass@2"}
    assert main([*EVAL, "--samples", "2", "--seed", "1", "--out", str(tmp_path / "two"), "--compare", out]) == 0
    assert "B - A" in capsys.readouterr().out
    assert main(["eval", "--compare", out, str(tmp_path / "two")]) == 0
    assert "p" in capsys.readouterr().out
    assert main([*EVAL, "--samples", "2", "--seed", "1", "--out", out]) == 2
    assert "seed 0, not 1" in capsys.readouterr().err


def test_mbpp_stands_beside_the_paper_with_the_prompt_as_published(tmp_path, capsys):
    data = tmp_path / "mbpp.jsonl"
    record = {"task_id": 11, "text": "Double.", "code": "c", "test_list": ["assert f(2) == 4", "assert f(3) == 6"]}
    data.write_text(json.dumps(record) + "\n{}\n")
    shared = ["eval", "embedded:short", "--data", f"mbpp:{data}:test", "--prompt-format", "mbpp"]
    assert main([*shared, "--show-prompt"]) == 0
    asked = capsys.readouterr()
    assert asked.out == (
        "You are an expert Python programmer, and here is your task: Double. Your code should pass these tests:\n\n"
        "assert f(2) == 4\nassert f(3) == 6\n[BEGIN]\n"
    )
    assert "mbpp/11" in asked.err
    status = main([*shared, "--samples", "2", "--k", "1,2", "--max-new-tokens", "8", "--compare", "paper"])
    said = capsys.readouterr().out
    assert status == 1  # the malformed record is named
    assert "malformed records left out: 1" in said
    assert "1@2" in said  # the asserts are public, so samples can be filtered by them
    assert "CodeT5 + RLTF, zero-shot" in said


def test_a_checkpoint_that_is_not_as_its_run_wrote_it_is_refused_by_the_names_of_its_files(tmp_path, capsys):
    folder = Path(shutil.copytree(checkpoint("short"), tmp_path / "step-1"))
    (folder / "optimizer.pt").write_bytes(b"left by the run, and of no matter here")
    sums = {file.name: {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()} for file in folder.iterdir()}
    (folder / "checksums.json").write_text(json.dumps(sums))
    arguments = ["eval", str(folder), *EVAL[2:], "--samples", "1", "--show-prompt"]
    (folder / "optimizer.pt").write_bytes(b"cut")
    assert main(arguments) == 0
    capsys.readouterr()
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"merges"', '"merges" '))
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"model '{folder}': not as its run wrote it: tokenizer.json; name another checkpoint" in line
    (folder / "checksums.json").unlink()
    assert main(arguments) == 0


def test_a_checkpoint_with_a_critic_is_sampled_with_it(tmp_path, capsys):
    import torch

    from training.algorithms.critic import OUTCOMES, Critic
    from training.config import ModelSection
    from training.models.policy import load_policy

    policy = load_policy(ModelSection())
    folder = tmp_path / "step-1"
    policy.model.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)
    critic = Critic(policy, len(OUTCOMES))
    torch.save({"critic": {"weights": critic.network.state_dict()}}, folder / "algorithm.pt")
    arguments = [*EVAL, "--samples", "3", "--out", str(tmp_path / "out"), "--critic-sampling"]
    arguments[1] = str(folder)
    assert main(arguments) == 0
    assert "12 samples" in capsys.readouterr().out
    lines = (tmp_path / "out" / "samples.jsonl").read_text().splitlines()
    (tmp_path / "out" / "samples.jsonl").write_text("\n".join(lines[:-2]) + "\n")
    assert main(arguments) == 0
    assert "\n2 samples" in capsys.readouterr().out
    again = (tmp_path / "out" / "samples.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["program"] for line in again) == sorted(
        json.loads(line)["program"] for line in lines
    )


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["eval"], "--compare with two results"),
        (["eval", "embedded:short"], "belong together"),
        (["eval", "--compare", "paper", "paper"], "--compare with two results"),
        (["eval", "--compare", "/absent", "paper"], "no result"),
        ([*EVAL, "--temperature", "0", "--k", "2"], "--k 2 needs at least that many samples, not 1"),
        ([*EVAL, "--top-p", "0"], "--top-p"),
        ([*EVAL, "--samples", "0"], "--samples: 0: must be a whole number of at least 1"),
        ([*EVAL, "--limit", "-1"], "--limit: -1: must be a whole number of at least 0"),
        ([*EVAL, "--seed", "-1"], "--seed: -1: must be a whole number"),
        ([*EVAL, "--samples", "3", "--k", "2", "--n", "3"], "--n 3 is above the largest k, 2"),
        ([*EVAL, "--out", "/proc/nothing"], "--out /proc/nothing: cannot be made"),
        (["eval", "/no/folder", "--data", "minicode:short:held_out"], "model '/no/folder': no such folder"),
        ([*EVAL, "--samples", "1", "--compare", "paper"], "about APPS and MBPP"),
        ([*EVAL, "--prompt-format", "{nothing}"], "nothing"),
        ([*EVAL, "--samples", "1", "--critic-sampling"], "holds no critic"),
        ([*EVAL, "--temperature", "0,1", "--critic-sampling"], "above 0"),
    ],
)
def test_bad_input_is_one_clear_line(capsys, arguments, part):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert part in line


def test_n_at_k_asked_of_problems_without_public_tests_is_said_to_be_missing(capsys, tmp_path):
    problem = {"id": "p", "question": "print 1", "inputs": [""], "outputs": ["1"]}
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps(problem) + "\n")
    assert main([*EVAL, "--data", str(data), "--samples", "2", "--k", "2", "--n", "1"]) == 0
    assert "no problem has public tests" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["audit", "amplify"])
def test_the_data_that_is_read_is_never_written_over(capsys, tmp_path, command):
    problem = {"id": "p", "question": "print 1", "inputs": [""], "outputs": ["1"], "solutions": ["print(1)"]}
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps(problem) + "\n")
    before = data.read_bytes()
    assert main([command, str(data), "--out", str(tmp_path / ".." / tmp_path.name / "data.jsonl")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is the data that is read" in line
    assert data.read_bytes() == before
