"""Peak memory of the policy loss at a large vocabulary: `python -m benchmarks.memory [--write]`.

One model with a vocabulary as Qwen's (151 936), one batch of prompts with several responses each, four ways to the
gradient of the responses' log-likelihood. Each way runs in a process of its own; its peak is that of the process (or of
the GPU's allocator) above what it held before the first step. What this does not do: sample, or use a trained model.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.tables import write_between_markers
from training.models.policy import Policy

VOCABULARY = 151_936
WAYS = ("plain", "response positions", "chunked", "chunked, one prompt a group")
Texts = list[tuple[int, ...]]
_PROMPTS, _GROUP, _PROMPT, _RESPONSE = 2, 8, 96, 96


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way)))
        return
    rows = [_in_a_process(way) for way in WAYS]
    text = _table(rows)
    print(text)
    if arguments.write:
        write_between_markers(Path("docs/performance.md"), "memory", text)


def measure(way: str) -> dict[str, float]:
    """Peak MiB above the weights, and seconds of one step, and the loss."""
    policy, prompts, responses = _batch()
    loss_of = {
        "plain": _plain_loss,
        "response positions": _selected_loss,
        "chunked": _chunked_loss,
        "chunked, one prompt a group": _shared_loss,
    }[way]
    held = _memory()
    begin = time.perf_counter()
    loss = loss_of(policy, prompts, responses)
    torch.autograd.backward(loss)
    _finish()
    seconds = time.perf_counter() - begin
    gradients = sum(each.numel() * 4 for each in policy.trained) / 2**20
    return {"mib": _memory(peak=True) - held, "gradients": gradients, "seconds": seconds, "loss": loss.item()}


def _batch() -> tuple[Policy, Texts, Texts]:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    model = Qwen2ForCausalLM(config).eval().to("cuda" if torch.cuda.is_available() else "cpu")
    policy = Policy(model, None, lambda _: [], (0,), 0)
    draw = torch.Generator().manual_seed(1)
    groups = torch.randint(1, VOCABULARY, (_PROMPTS, _PROMPT), generator=draw).tolist()
    prompts = [tuple(groups[index // _GROUP]) for index in range(_PROMPTS * _GROUP)]
    responses = [
        tuple(torch.randint(1, VOCABULARY, (_RESPONSE,), generator=draw).tolist()) for _ in range(len(prompts))
    ]
    return policy, prompts, responses


def _plain_loss(policy: Policy, prompts: Texts, responses: Texts) -> torch.Tensor:
    """Every position through the head, log-softmax of all of it in float32."""
    ids = torch.tensor([[*p, *r] for p, r in zip(prompts, responses, strict=True)], device=policy.device)
    logprobs = torch.log_softmax(policy.model(ids, use_cache=False).logits[:, :-1].float(), dim=-1)
    chosen = logprobs.gather(2, ids[:, 1:, None]).squeeze(2)
    return -chosen[:, _PROMPT - 1 :].mean()


def _selected_loss(policy: Policy, prompts: Texts, responses: Texts) -> torch.Tensor:
    """Response positions alone through the head."""
    ids = torch.tensor([[*p, *r] for p, r in zip(prompts, responses, strict=True)], device=policy.device)
    keep = torch.arange(_PROMPT - 1, ids.shape[1] - 1, device=ids.device)
    logits: torch.Tensor = policy.model(ids, use_cache=False, logits_to_keep=keep).logits.float()
    chosen = logits.gather(2, ids[:, _PROMPT:, None]).squeeze(2) - logits.logsumexp(dim=2)
    return -chosen.mean()


def _chunked_loss(policy: Policy, prompts: Texts, responses: Texts) -> torch.Tensor:
    """This trainer's head, on prompt and response as one text."""
    from training.models.families import run_body
    from training.models.forward import token_logprobs

    ids = torch.tensor([[*p, *r] for p, r in zip(prompts, responses, strict=True)], device=policy.device)
    states, _ = run_body(policy.model, ids, use_cache=False)
    logprobs, _ = token_logprobs(policy, states[:, _PROMPT - 1 : -1].flatten(0, 1), ids[:, _PROMPT:].flatten())
    return -logprobs.mean()


def _shared_loss(policy: Policy, prompts: Texts, responses: Texts) -> torch.Tensor:
    """What this trainer does."""
    from training.models.forward import response_logprobs

    return -response_logprobs(policy, prompts, responses)[0].mean()


def _memory(*, peak: bool = False) -> float:
    """MiB in use now, or at most so far."""
    if torch.cuda.is_available():
        return (torch.cuda.max_memory_allocated() if peak else torch.cuda.memory_allocated()) / 2**20
    if peak:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _in_a_process(way: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--way", way], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _table(rows: Sequence[dict[str, float]]) -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, torch {torch.__version__}"
    lines = [
        "## Memory of the loss at a large vocabulary",
        "",
        f"Made by `python -m benchmarks.memory --write` (Python {platform.python_version()}, {device}).",
        f"The vocabulary has {VOCABULARY} tokens. One forward and backward pass reads {_PROMPTS} prompts of {_PROMPT}",
        f"tokens with {_GROUP} responses of {_RESPONSE} tokens each. The peak is above the weights, and",
        f"{rows[0]['gradients']:.0f} MiB of each are the gradients.",
        "",
        "| way | peak MiB | against plain | seconds | loss |",
        "|---|---|---|---|---|",
    ]
    plain = rows[0]["mib"]
    for way, row in zip(WAYS, rows, strict=True):
        lines.append(
            f"| {way} | {row['mib']:.0f} | {row['mib'] / plain:.2f}x | {row['seconds']:.1f} | {row['loss']:.5f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
