"""Measure a sample's cost in this trainer as batch, length and vocabulary grow, for `python -m benchmarks.trainer`."""

from __future__ import annotations

import time

import torch

from training.records import SampleRequest, WeightedSequence

GPU = torch.cuda.is_available()
GROUP = 8
Row = tuple[str, int, int, int, float, float]
"""What is varied, samples, tokens, vocabulary, milliseconds a sample for sampling and for learning."""


def finish() -> None:
    """Wait for what a GPU still has to do."""
    if GPU:
        torch.cuda.synchronize()


def growth() -> list[Row]:
    """One thing varied at a time, from 64 samples of 32 tokens and a vocabulary of 2048."""
    base = {"samples": 64, "tokens": 32, "vocabulary": 2048}
    varied = {"samples": (16, 64, 256), "tokens": (16, 32, 64, 128), "vocabulary": (2048, 16384, 65536)}
    rows = []
    for what, values in varied.items():
        for value in values:
            samples, tokens, vocabulary = {**base, what: value}.values()
            rows.append((what, samples, tokens, vocabulary, *_cost(samples, tokens, vocabulary)))
    return rows


def _cost(samples: int, tokens: int, vocabulary: int) -> tuple[float, float]:
    import numpy as np
    from transformers import LlamaConfig, LlamaForCausalLM

    from training.config import OptimizerSection
    from training.learners.local import LocalLearner
    from training.models.policy import Policy
    from training.samplers.transformers import TransformersSampler

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=128, intermediate_size=320, num_hidden_layers=3, num_attention_heads=4
    )
    model = LlamaForCausalLM(config).eval().to("cuda" if GPU else "cpu")
    policy = Policy(model, None, lambda _: [], (vocabulary,), 0)  # nothing ends a text
    prompts = [tuple(1 + (7 * index + place) % 1000 for place in range(16)) for index in range(samples // GROUP)]
    requests = [SampleRequest(str(index), prompt, GROUP, (0, index)) for index, prompt in enumerate(prompts)]
    learner = LocalLearner(policy, OptimizerSection(learning_rate=1e-9), steps=9)
    sampling, learning = [], []
    for _ in range(2):
        begin = time.perf_counter()
        batches = list(TransformersSampler(policy, tokens, batch_size=256).sample(requests))
        finish()
        sampling.append(time.perf_counter() - begin)
        sequences = [
            WeightedSequence(each.prompt_ids, each.token_ids, np.ones(tokens, np.float32))
            for batch in batches
            for each in batch
        ]
        begin = time.perf_counter()
        learner.accumulate(sequences, float(samples))
        learner.update()
        finish()
        learning.append(time.perf_counter() - begin)
    return 1000 * min(sampling) / samples, 1000 * min(learning) / samples
