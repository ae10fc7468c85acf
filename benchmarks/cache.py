"""What it costs to sample with a cache that grows by copying, and with ours: `python -m benchmarks.cache [--write]`.

The embedded model of each tier draws 8 samples for each of 16 problems in one batch, in turns (A, B, A, B, ...): with
transformers' cache, which copies all keys and values for every token, and with the one that is written in place. The
script fails where the samples differ. What this does not do: measure a GPU, unless it runs on one.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.tables import write_between_markers
from training.config import ModelSection
from training.data import load_problems
from training.models.forward import Prefix
from training.models.policy import Policy, load_policy, set_threads
from training.models.prompts import encode_prompt
from training.records import SampleRequest
from training.samplers.transformers import TransformersSampler


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    set_threads(1)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, one thread"
    python = f"Python {platform.python_version()}, {device}, torch {torch.__version__}"
    lines = [
        "## The sampler's cache\n",
        f"Made by `python -m benchmarks.cache --write` ({python}).",
        "One batch has 128 samples, and both ways draw the same ones, bit for bit. A ratio is the median of those",
        "round by round, with the smallest and the largest.\n",
        "| tier | longest | tokens drawn | copied for each token, CPU s | written in place, CPU s | ratio |",
        "|---|---:|---:|---:|---:|---:|",
        *(row(tier, longest, arguments.rounds) for tier, longest in [("short", 96), ("long", 192)]),
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        write_between_markers(Path("docs/performance.md"), "cache", text)


def row(tier: str, longest: int, rounds: int) -> str:
    """Both ways in turns; the first round warms up and is left out."""
    policy = load_policy(ModelSection(name=f"embedded:{tier}"))
    requests = [
        SampleRequest(problem.id, tuple(encode_prompt(policy, problem)), 8, (0, index))
        for index, problem in enumerate(load_problems(f"minicode:{tier}:train", 16))
    ]
    copied, in_place = [], []
    for number in range(rounds + 1):
        with patch.object(Prefix, "write_in_place", lambda _: None):
            usual, theirs = drawn(policy, requests, longest)
        ours, mine = drawn(policy, requests, longest)
        assert usual == ours, "other samples"
        if number:
            copied.append(theirs)
            in_place.append(mine)
    ratios = sorted(theirs / mine for theirs, mine in zip(copied, in_place, strict=True))
    seconds = " | ".join(f"{statistics.median(each):.2f}" for each in (copied, in_place))
    ratio = f"{statistics.median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"| {tier} | {longest} | {sum(len(ids) for ids, _ in ours)} | {seconds} | {ratio} |"


def drawn(
    policy: Policy, requests: list[SampleRequest], longest: int
) -> tuple[list[tuple[tuple[int, ...], tuple[float, ...]]], float]:
    """Tokens and log-probabilities of all samples, and the CPU seconds they took."""
    begin = time.process_time()
    rollouts = [
        each for batch in TransformersSampler(policy, longest, batch_size=128).sample(requests) for each in batch
    ]
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return [(each.token_ids, each.logprobs) for each in rollouts], time.process_time() - begin


if __name__ == "__main__":
    main()
