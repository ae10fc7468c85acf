"""Build a tier's checkpoint: a tokenizer and a tiny Llama, trained by supervised learning on the corpus.

No rewards and no tests are used. The same seed on the same machine and torch build gives the same weights.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from training.minicode import PROMPT_FORMAT, TierName, checkpoint
from training.minicode.corpus import corpus
from training.minicode.primitives import Tier
from training.minicode.tokenizer import PHRASES, WORDS, train_tokenizer


@dataclass(frozen=True, slots=True)
class Recipe:
    """The sizes and the schedule of one warm start."""

    pattern: str
    vocabulary: int
    width: int
    layers: int
    feed_forward: int
    positions: int
    steps: int
    batch: int = 64
    learning_rate: float = 4e-3
    begins: TierName | None = None
    """Tier whose checkpoint it goes on from, tokenizer included. None: from nothing."""


_LONG = Recipe(pattern=WORDS, vocabulary=768, width=128, layers=4, feed_forward=320, positions=512, steps=1600)
RECIPES = {
    "short": Recipe(pattern=PHRASES, vocabulary=1536, width=128, layers=3, feed_forward=320, positions=256, steps=1200),
    "long": _LONG,
    "varied": replace(_LONG, begins="long", steps=1300, batch=32, learning_rate=2e-3),
    "uneven": replace(_LONG, begins="varied", steps=1000, batch=32, learning_rate=2e-3),
}
_TOKENIZER_TEXTS = 8000
_BUCKET = 16  # batches sorted by length together


def warm_start(tier: Tier, folder: Path, seed: int = 0) -> None:
    """Train the tier's tokenizer and model and write them to `folder` (fp16 safetensors), on one thread."""
    recipe = RECIPES[tier.name]
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    pairs = corpus(tier, recipe.steps * recipe.batch, seed)
    if recipe.begins:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint(recipe.begins))
        model = LlamaForCausalLM.from_pretrained(checkpoint(recipe.begins), dtype=torch.float32)
    else:
        texts = [PROMPT_FORMAT.format(prompt=prompt) + program for prompt, program in pairs[:_TOKENIZER_TEXTS]]
        tokenizer = train_tokenizer(texts, recipe.vocabulary, recipe.pattern, recipe.positions)
        model = _new_model(recipe, tokenizer)
    _train(model, _batches(pairs, tokenizer, recipe, random.Random(seed)), recipe)  # noqa: S311
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=recipe.width,
            intermediate_size=recipe.feed_forward,
            num_hidden_layers=recipe.layers,
            num_attention_heads=4,
            max_position_embeddings=recipe.positions,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _batches(
    pairs: list[tuple[str, str]], tokenizer: PreTrainedTokenizerFast, recipe: Recipe, rng: random.Random
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids and labels, int64 [batch, T] each. Labels are -100 on prompts and padding."""
    prompts = tokenizer([PROMPT_FORMAT.format(prompt=prompt) for prompt, _ in pairs])["input_ids"]
    programs = tokenizer([program for _, program in pairs])["input_ids"]
    rows = [(prompt, [*program, tokenizer.eos_token_id]) for prompt, program in zip(prompts, programs, strict=True)]
    together = recipe.batch * _BUCKET
    for start in range(0, len(rows), together):
        by_length = sorted(rows[start : start + together], key=lambda row: len(row[0]) + len(row[1]))
        chunks = [by_length[i : i + recipe.batch] for i in range(0, len(by_length), recipe.batch)]
        rng.shuffle(chunks)
        for chunk in chunks:
            length = max(len(prompt) + len(program) for prompt, program in chunk)
            ids = torch.full((len(chunk), length), tokenizer.pad_token_id)
            labels = torch.full((len(chunk), length), -100)
            for i, (prompt, program) in enumerate(chunk):
                end = len(prompt) + len(program)
                ids[i, :end] = torch.tensor(prompt + program)
                labels[i, len(prompt) : end] = torch.tensor(program)
            yield ids, labels


def _train(model: LlamaForCausalLM, batches: Iterator[tuple[torch.Tensor, torch.Tensor]], recipe: Recipe) -> None:
    """Train by causal language modelling of the programs. Causal attention never sees padding on the right."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.05, final_div_factor=20
    )
    for step, (ids, labels) in enumerate(batches, 1):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if step % 100 == 0:
            print(f"step {step}/{recipe.steps}: loss {loss.item():.3f}", flush=True)
