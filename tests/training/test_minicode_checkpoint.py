"""minicode's shipped checkpoints: small, loadable, exact in their tokens, and warm-started on the train split only."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from training import minicode
from training.minicode.corpus import corpus
from training.minicode.warm_start import RECIPES, warm_start

TIERS = tuple(minicode.TIERS)


def texts(tier, count):
    for problem in minicode.problems(tier, "held_out", count, references=True):
        yield minicode.PROMPT_FORMAT.format(prompt=problem.prompt) + problem.references[0]


def test_all_checkpoints_together_are_under_seven_megabytes():
    size = sum(file.stat().st_size for file in minicode.CHECKPOINTS.rglob("*") if file.is_file())
    assert 0 < size < 7_000_000


@pytest.mark.parametrize("tier", TIERS)
def test_a_checkpoint_loads_with_pad_and_eos_tokens(tier):
    tokenizer = AutoTokenizer.from_pretrained(minicode.checkpoint(tier))
    model = AutoModelForCausalLM.from_pretrained(minicode.checkpoint(tier), dtype=torch.float32)
    assert isinstance(model, LlamaForCausalLM)
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.eos_token_id == tokenizer.eos_token_id != tokenizer.pad_token_id == model.config.pad_token_id
    assert sum(parameter.numel() for parameter in model.parameters()) < 2_000_000


@pytest.mark.parametrize("tier", TIERS)
def test_tokens_decode_to_the_very_text_and_fit_the_model(tier):
    tokenizer = AutoTokenizer.from_pretrained(minicode.checkpoint(tier))
    for text in (*texts(tier, 200), "s = ' é\t€ '  \r\n", ""):
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert len(ids) < tokenizer.model_max_length


@pytest.mark.parametrize("tier", TIERS)
def test_the_model_knows_held_out_references_far_better_than_chance(tier):
    tokenizer = AutoTokenizer.from_pretrained(minicode.checkpoint(tier))
    model = AutoModelForCausalLM.from_pretrained(minicode.checkpoint(tier), dtype=torch.float32)
    for problem in minicode.problems(tier, "held_out", 10, references=True):
        prompt = tokenizer(minicode.PROMPT_FORMAT.format(prompt=problem.prompt))["input_ids"]
        program = tokenizer(problem.references[0])["input_ids"]
        labels = torch.tensor([[-100] * len(prompt) + program])
        loss = model(input_ids=torch.tensor([prompt + program]), labels=labels).loss
        assert loss.item() < 3.0  # chance: log(vocabulary) > 6


@pytest.mark.parametrize("tier", TIERS)
def test_the_corpus_is_reproducible_and_free_of_held_out_prompts(tier):
    pairs = corpus(minicode.TIERS[tier], 3000, seed=0)
    assert pairs == corpus(minicode.TIERS[tier], 3000, seed=0)
    assert pairs != corpus(minicode.TIERS[tier], 3000, seed=1)
    held_out = {problem.prompt for problem in minicode.problems(tier, "held_out")}
    assert not held_out & {prompt for prompt, _ in pairs}


def test_the_same_seed_builds_the_same_checkpoint(tmp_path, monkeypatch):
    short = minicode.TIERS["short"]
    monkeypatch.setitem(RECIPES, "short", replace(RECIPES["short"], steps=3, batch=16))
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        warm_start(short, tmp_path / name, seed)
    weights = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "same", "other")}
    assert weights["one"] == weights["same"] != weights["other"]
    assert (tmp_path / "one" / "tokenizer.json").read_bytes() == (tmp_path / "same" / "tokenizer.json").read_bytes()
