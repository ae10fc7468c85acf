"""Prompts that are too long are known before the first sample, and are cut or left out as configured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine import Problem, StdinTest
from tests.training.data_files import jsonl
from tests.training.families import build
from training.cli import main
from training.errors import DataError, PolicyError
from training.models import lengths
from training.models.lengths import fitting, limited
from training.models.policy import load_policy
from training.models.prompts import encode_prompt
from training.records import SampleRequest
from training.samplers.transformers import TransformersSampler
from training.sections import ModelSection

SHORT = Problem("short", (StdinTest("", ""),), prompt="Add one.")
LONG = Problem("long", (StdinTest("", ""),), prompt="Add one to the number. " * 200)

LONG_ANSWER = "x = 1\n" * 400


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: build(name, tmp_path_factory.mktemp(name)) for name in ("gpt2", "qwen2", "codet5")}


def policy(folder, longest=64, **section):
    return limited(load_policy(ModelSection(name=str(folder), **section)), longest)


def test_a_prompt_leaves_room_for_its_completion(folders):
    assert policy(folders["gpt2"]).section.max_prompt_tokens == 256 - 64
    assert policy(folders["gpt2"], max_prompt_tokens=50).section.max_prompt_tokens == 50
    assert policy(folders["gpt2"], max_prompt_tokens=250).section.max_prompt_tokens == 256 - 64
    assert policy(folders["codet5"]).section.max_prompt_tokens == 0  # relative positions: bounded by nothing
    with pytest.raises(PolicyError, match=r"256 positions.*256 tokens.*max_new_tokens"):
        policy(folders["gpt2"], longest=256)


def test_a_rotary_model_has_half_its_positions_for_prompts_whatever_completions_take(folders):
    found = policy(folders["qwen2"])
    positions = lengths.positions(found.model)
    assert policy(folders["qwen2"], longest=positions).section.max_prompt_tokens == positions // 2


@pytest.mark.parametrize("long_prompts", ["cut", "leave_out"])
def test_long_prompts_are_counted_and_cut_or_left_out(folders, long_prompts):
    found, told = policy(folders["gpt2"], long_prompts=long_prompts), []
    fit = fitting(found, [SHORT, LONG], "the data", told.append)
    assert fit == ([SHORT, LONG] if long_prompts == "cut" else [SHORT])
    assert all(len(encode_prompt(found, problem)) <= 192 for problem in fit)
    (line,) = told
    assert line.startswith("the data: 1 prompts are longer than 192 tokens and are ")
    assert line.endswith(": long")


def test_prompts_that_no_cut_makes_fit_are_left_out_by_name(folders):
    template = "Write a program in the style of the examples above. " * 20 + "{prompt}"
    found, told = policy(folders["gpt2"], prompt_format=template, max_prompt_tokens=20), []
    with pytest.raises(DataError, match="no prompt fits into 20 tokens"):
        fitting(found, [SHORT, LONG], "the data", told.append)
    assert told == ["the data: left out: 2 prompts longer than 20 tokens however they are cut: short, long"]


@pytest.mark.parametrize("section", [{"prompt_format": "{{prompt}}"}, {"prompt_format": "chat"}])
def test_prompts_that_say_nothing_of_the_problem_are_refused(folders, section):
    found, told = policy(folders["qwen2"], **section), []
    found.tokenizer.chat_template = "You are helpful."
    problems = [replace(SHORT, id=f"{number}", prompt=f"Add {number}.") for number in range(3)]
    with pytest.raises(DataError, match=r"^the data: the prompts of all 3 problems are the same \d+ tokens.*must show"):
        fitting(found, problems, "the data", told.append)
    same = [replace(SHORT, id=f"{number}") for number in range(3)]
    assert fitting(found, same, "the data", told.append) == same
    assert len(fitting(policy(folders["qwen2"]), problems, "the data", told.append)) == 3


def test_a_prompt_that_takes_more_memory_than_there_is_is_refused(folders):
    found = policy(folders["qwen2"])
    found.model.config.num_hidden_layers = 10**12  # whose keys and values no machine can hold
    with pytest.raises(PolicyError, match=r"the data: problem 'short': reading its \d+ tokens takes .* GiB"):
        fitting(found, [SHORT], "the data", lambda _: None)


def test_a_batch_of_prompts_has_its_memory_counted_whole(folders, monkeypatch):
    found, told = policy(folders["qwen2"]), []
    one = lengths._bytes_of(found.model, len(encode_prompt(found, SHORT)), 1, 1)
    monkeypatch.setattr(lengths, "_free_bytes", lambda device: 5 * one)
    batch = [replace(SHORT, id=f"{number}") for number in range(8)]
    assert fitting(found, batch, "the data", told.append) == batch
    with pytest.raises(PolicyError, match=r"batch of 8 prompts and 8 completions .* or a smaller batch"):
        fitting(found, batch, "the data", told.append, rows=64)
    with pytest.raises(PolicyError, match=r"batch of 1 prompts and 16 completions"):
        fitting(found, batch, "the data", told.append, rows=16, samples=(16,))


def test_a_set_that_is_sampled_in_two_ways_has_the_larger_batch_counted(folders, monkeypatch):
    found, told = policy(folders["qwen2"]), []
    sampled = lengths._bytes_of(found.model, len(encode_prompt(found, SHORT)), 1, 4)
    monkeypatch.setattr(lengths, "_free_bytes", lambda device: sampled)
    batch = [replace(SHORT, id=f"{number}") for number in range(8)]
    assert fitting(found, batch, "the data", told.append, rows=4, samples=(4,)) == batch
    with pytest.raises(PolicyError, match=r"batch of 4 prompts and 4 completions"):
        fitting(found, batch, "the data", told.append, rows=4, samples=(4, 1))
    assert fitting(found, batch, "the data", told.append, samples=(4, 1)) == batch  # servers hold the batch


def test_a_long_prompt_does_not_pad_a_batch_of_short_ones(folders):
    sampler = TransformersSampler(policy(folders["qwen2"]), max_new_tokens=2)
    requests = [SampleRequest(f"{size}", tuple([1] * size), 2, (0, size)) for size in (100, 5, 9, 11, 60, 10)]
    batches = [[len(rollout.prompt_ids) for rollout in batch] for batch in sampler.sample(requests)]
    assert batches == [[5, 5, 9, 9, 10, 10], [11, 11], [60, 60, 100, 100]]


@pytest.mark.parametrize(("references", "status"), [((LONG_ANSWER, "print(1)\n"), 0), ((LONG_ANSWER,), 2)])
def test_references_longer_than_the_model_s_positions_are_not_taught(folders, tmp_path, capsys, references, status):
    record = {"prompt": "Add one.", "inputs": [""], "outputs": ["1"], "references": references}
    words = ["train", "--run", "r", "--run.folder", str(tmp_path), "--model.name", str(folders["gpt2"])]
    words += ["--data.train", str(jsonl(tmp_path / "data.jsonl", record)), "--data.held_out_limit", "1"]
    words += ["--objective.algorithm", "sft", "--training.steps", "1", "--sampler.max_new_tokens", "8"]
    assert main([*words, "--evaluation.every", "0", "--evaluation.samples_per_problem", "1"]) == status
    said = "".join(capsys.readouterr())
    assert f"1 of {len(references)} reference solutions are not taught: with their prompts they are longer than" in said
    assert (tmp_path / "r").exists() == (status == 0)


def test_nothing_but_references_that_no_completion_can_express_is_refused(folders, tmp_path, capsys):
    record = {"prompt": "Add one.", "inputs": [""], "outputs": ["1"], "references": ["print(1)\n"]}
    words = ["train", "--run", "r", "--run.folder", str(tmp_path), "--model.name", str(folders["gpt2"])]
    words += ["--data.train", str(jsonl(tmp_path / "data.jsonl", record)), "--data.held_out_limit", "1"]
    assert main([*words, "--objective.algorithm", "sft", "--model.prompt_format", "humaneval"]) == 2
    assert "none of its 1 reference solutions can be taught, and 'sft' learns from nothing else" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "r").exists()


def test_an_evaluation_tells_of_long_prompts_before_it_samples(folders, tmp_path, capsys):
    records = [{"id": each.id, "prompt": each.prompt, "inputs": [""], "outputs": [""]} for each in (SHORT, LONG)]
    data = jsonl(tmp_path / "data.jsonl", *records)
    words = ["eval", str(folders["gpt2"]), "--data", str(data), "--samples", "1", "--max-new-tokens", "16"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "1 prompts are longer than 240 tokens and are cut" in said
    assert "2 samples" in said
    assert main([*words, "--long-prompts", "leave_out"]) == 0
    said = capsys.readouterr().out
    assert "are left out: long" in said
    assert "1 samples" in said
