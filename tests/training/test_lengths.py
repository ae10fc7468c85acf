"""Prompts that are too long are known before the first sample, and are cut or left out as configured."""

from __future__ import annotations

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
from training.sections import ModelSection

SHORT = Problem("short", (StdinTest("", ""),), prompt="Add one.")
LONG = Problem("long", (StdinTest("", ""),), prompt="Add one to the number. " * 200)


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


def test_a_prompt_that_takes_more_memory_than_there_is_is_refused(folders, monkeypatch):
    found = policy(folders["qwen2"])
    monkeypatch.setattr(lengths, "_free_bytes", lambda device: 1000)
    with pytest.raises(PolicyError, match=r"the data: problem 'short': reading its \d+ tokens takes .* GiB"):
        fitting(found, [SHORT], "the data", lambda _: None)


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
