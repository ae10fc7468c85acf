"""Ways to lay out sequences of many lengths for the learning pass: `python -m benchmarks.packing [--write]`.

The samples that the embedded model draws for 32 problems of minicode's `long` tier, 8 each, go forward and back in
turns (A, B, C, ..., A, B, C, ...) in one run: as they were drawn, by length, several to a row under a dense
block-diagonal mask (what `position_ids` that start anew mean to transformers), and this trainer's way. Every way gives
the same gradient; the script fails where it does not. What this does not do: use kernels for variable lengths, which
need a GPU.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.tables import write_between_markers
from training.config import ModelSection
from training.data import load_problems
from training.models.batching import batch_tokens, micro_batches
from training.models.families import run_body
from training.models.forward import padded, response_logprobs, token_logprobs
from training.models.policy import Policy, load_policy, set_threads
from training.models.prompts import encode_prompt
from training.records import SampleRequest, WeightedSequence
from training.samplers.transformers import TransformersSampler

TOKENS = 4096
"""Tokens of a micro-batch, padding included."""
Way = Callable[[Policy, Sequence[WeightedSequence]], int]
"""Adds the gradient of all log-probabilities up; how many tokens were computed."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    set_threads(1)
    policy = load_policy(ModelSection(name="embedded:long"))
    sequences = drawn(policy)
    measured = take_turns(policy, sequences, arguments.rounds)
    text = _table(sequences, measured)
    print(text)
    if arguments.write:
        write_between_markers(Path("docs/performance.md"), "packing", text)


def drawn(policy: Policy) -> list[WeightedSequence]:
    """8 samples of 32 problems, in the order they were drawn."""
    problems = load_problems("minicode:long:train", 32)
    requests = [
        SampleRequest(problem.id, tuple(encode_prompt(policy, problem)), 8, (0, index))
        for index, problem in enumerate(problems)
    ]
    rollouts = [each for batch in TransformersSampler(policy, 192, batch_size=128).sample(requests) for each in batch]
    np.random.default_rng(0).shuffle(rollouts)
    return [
        WeightedSequence(each.prompt_ids, each.token_ids, np.ones(len(each.token_ids), np.float32))
        for each in rollouts
        if each.token_ids
    ]


def take_turns(policy: Policy, sequences: list[WeightedSequence], rounds: int) -> dict[str, tuple[list[float], int]]:
    """Seconds of each round, and tokens computed, by way; the first round warms up and is left out."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    computed, gradients = {}, {}
    for number in range(rounds + 1):
        for name, way in WAYS.items():
            policy.model.zero_grad()
            begin = time.perf_counter()
            computed[name] = way(policy, sequences)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                seconds[name].append(time.perf_counter() - begin)
            gradients[name] = torch.cat([each.grad.flatten() for each in policy.trained if each.grad is not None])
    first = next(iter(gradients.values()))
    for name, gradient in gradients.items():
        assert (gradient - first).norm() < 1e-3 * first.norm(), f"{name}: another gradient"
    return {name: (seconds[name], computed[name]) for name in WAYS}


def as_drawn(policy: Policy, sequences: Sequence[WeightedSequence]) -> int:
    return sum(_whole(policy, batch) for batch in _filled(sequences))


def by_length(policy: Policy, sequences: Sequence[WeightedSequence]) -> int:
    return sum(_whole(policy, batch) for batch in _filled(sorted(sequences, key=_length)))


def packed(policy: Policy, sequences: Sequence[WeightedSequence], row: int) -> int:
    """Several sequences in a row of at most `row` tokens, each blind to the others."""
    for batch in _filled(sequences, row, widest=False):
        ids = torch.tensor([[token for each in batch for token in (*each.prompt_ids, *each.token_ids)]]).to(
            policy.device
        )
        positions = torch.cat([torch.arange(_length(each), device=ids.device) for each in batch])[None]
        states, _ = run_body(policy.model, ids, position_ids=positions, use_cache=False)
        begins = np.cumsum([0, *map(_length, batch)])[:-1]
        _backward(policy, states[0], [(int(begin), each) for begin, each in zip(begins, batch, strict=True)])
    return sum(map(_length, sequences))


def ours(policy: Policy, sequences: Sequence[WeightedSequence]) -> int:
    computed = 0
    for batch in micro_batches(sequences, TOKENS):
        prompts, responses = [each.prompt_ids for each in batch], [each.token_ids for each in batch]
        torch.autograd.backward(response_logprobs(policy, prompts, responses)[0].sum())
        computed += batch_tokens(batch, shared=True)[2]
    return computed


WAYS: dict[str, Way] = {
    "padded, in the order of sampling": as_drawn,
    "padded, by length": by_length,
    "packed in rows of 1,024": lambda policy, sequences: packed(policy, sequences, 1024),
    "packed in rows of 4,096": lambda policy, sequences: packed(policy, sequences, 4096),
    "this trainer: by length, each prompt read once": ours,
}


def _length(sequence: WeightedSequence) -> int:
    return len(sequence.prompt_ids) + len(sequence.token_ids)


def _filled(
    sequences: Sequence[WeightedSequence], tokens: int = TOKENS, *, widest: bool = True
) -> Iterator[list[WeightedSequence]]:
    """Batches of at most `tokens`: of rows as wide as the widest, or one after another."""
    batch: list[WeightedSequence] = []
    for sequence in sequences:
        lengths = [_length(each) for each in (*batch, sequence)]
        if batch and (max(lengths) * len(lengths) if widest else sum(lengths)) > tokens:
            yield batch
            batch = []
        batch.append(sequence)
    yield batch


def _whole(policy: Policy, batch: list[WeightedSequence]) -> int:
    """Prompt and response as one row each, padded on the right."""
    ids, _ = padded(policy, [(*each.prompt_ids, *each.token_ids) for each in batch], left=False)
    states, _ = run_body(policy.model, ids, use_cache=False)
    width = ids.shape[1]
    _backward(policy, states.flatten(0, 1), [(index * width, each) for index, each in enumerate(batch)])
    return ids.numel()


def _backward(policy: Policy, states: torch.Tensor, placed: list[tuple[int, WeightedSequence]]) -> None:
    """`states` [tokens, H]; each sequence with the place where it begins."""
    drawn_from = [
        begin + len(each.prompt_ids) - 1 + place for begin, each in placed for place in range(len(each.token_ids))
    ]
    chosen = torch.tensor([token for _, each in placed for token in each.token_ids], device=states.device)
    torch.autograd.backward(token_logprobs(policy, states[drawn_from], chosen)[0].sum())


def _table(sequences: Sequence[WeightedSequence], measured: dict[str, tuple[list[float], int]]) -> str:
    prompts = sum(len(prompt) for prompt in {each.prompt_ids for each in sequences})
    written = [len(each.token_ids) for each in sequences]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, one thread"
    lengths = f"responses of {min(written)} to {max(written)} tokens (mean {statistics.mean(written):.0f})"
    python = f"Python {platform.python_version()}, {device}, torch {torch.__version__}"
    lines = [
        "## Layouts of the learning pass\n",
        f"Made by `python -m benchmarks.packing --write` ({python}).",
        f"{len(sequences)} samples of the `long` tier have {lengths}. Each prompt is shared by 8. All of them have",
        f"{prompts + sum(written)} tokens with each prompt once, and {sum(map(_length, sequences))} with one for each",
        "sample. A ratio is the median of those round by round.\n",
        "| way | tokens computed | seconds | against this trainer |",
        "|---|---:|---:|---:|",
    ]
    base = measured["this trainer: by length, each prompt read once"][0]
    for name, (seconds, computed) in measured.items():
        ratio = statistics.median(mine / other for mine, other in zip(seconds, base, strict=True))
        lines.append(f"| {name} | {computed} | {statistics.median(seconds):.2f} | {ratio:.2f}x |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
