"""The method in one file: token rewards from running and reading programs, and REINFORCE on them.

    python examples/rltf_loop.py                          # the embedded model on the embedded problems, a few minutes
    python examples/rltf_loop.py --model NAME --data SPEC

One step: sample programs for a few problems, run and lint each of them, turn what is wrong into one reward per token,
compare with the other samples of the problem, and push every token's log-probability by its advantage.

What is simpler here than in `rltf train`, and what that costs:

- No ratio and no buffer: every sample is learned from once. The trainer learns three times, through a clipped ratio.
- No supervised term (RLTF eq. 7): references are not learned.
- transformers' `generate` in one batch: prompts of a step are padded, and nothing is judged while others are sampled.
- Seeds are torch's: a run that is broken off begins anew. There are no checkpoints.
- One process, no adapters, no mixed precision, no micro-batches: a step must fit into memory.
- The baseline is the mean of the other samples, for coarse and adaptive rewards; fine and static ones stand alone.
- Nothing is written but the lines below; `training.Recorder` would make a run of it that every view shows.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine import Engine, Verdict
from feedback import Feedback, Scorer
from training.data import load_problems
from training.models.policy import resolve


def advantages(group: Sequence[Feedback]) -> list[torch.Tensor]:
    """Compute the advantage of each token of each sample of one problem, [T] each.

    Coarse and adaptive rewards say something of the whole program: they are relative to the mean of the other samples.
    Fine and static rewards lie on the tokens that are to blame, and stand as they are (RLTF eq. 8 to 10).
    """
    outcomes = [float((each.rewards["coarse"] + each.rewards["adaptive"])[0]) for each in group]
    rows = []
    for feedback, outcome in zip(group, outcomes, strict=True):
        others = (sum(outcomes) - outcome) / max(1, len(outcomes) - 1)
        tokens = feedback.rewards["fine"] + feedback.rewards["static"]
        rows.append(torch.from_numpy(outcome - others + tokens).float())
    return rows


def main(words: Sequence[str] | None = None) -> list[float]:
    """Train; returns the share of passing samples of each step."""
    parser = argparse.ArgumentParser(description="RLTF in one file.")
    parser.add_argument("--model", default="embedded:short", help="a hub name, a folder, or an embedded model")
    parser.add_argument("--data", default="minicode:short:train", help="problems (docs/data.md)")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--problems", type=int, default=16, help="problems in each step")
    parser.add_argument("--samples", type=int, default=8, help="programs for each problem")
    parser.add_argument("--tokens", type=int, default=64, help="longest program")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(words)

    torch.manual_seed(given.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(resolve(given.model), padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(resolve(given.model), dtype=torch.float32)
    model.to(device).eval()  # no dropout
    optimizer = torch.optim.AdamW(model.parameters(), lr=given.learning_rate, weight_decay=0.0)
    problems = load_problems(given.data)
    order = [problems[index] for index in torch.randperm(len(problems)).tolist()]

    passed_shares = []
    with Scorer(tokenizer, Engine(trace_lines=True)) as scorer:
        for step in range(given.steps):
            start = step * given.problems % len(order)
            batch = (order + order)[start : start + given.problems]

            # Sample.
            texts = [problem.prompt + "\n" for problem in batch for _ in range(given.samples)]
            prompts = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=True).to(device)
            prompts = without_end(prompts["input_ids"], prompts["attention_mask"], tokenizer.eos_token_id)
            with torch.no_grad():
                whole = model.generate(
                    input_ids=prompts[0],
                    attention_mask=prompts[1],
                    max_new_tokens=given.tokens,
                    do_sample=True,
                    top_k=0,
                    pad_token_id=tokenizer.pad_token_id,
                )
            completions = whole[:, prompts[0].shape[1] :]
            ends = (completions == tokenizer.eos_token_id).long()
            stopped = ends.any(1)
            lengths = torch.where(stopped, ends.argmax(1) + 1, completions.shape[1])
            ids = [row[:length].tolist() for row, length in zip(completions, lengths.tolist(), strict=True)]

            # Judge, and lay what is wrong on the tokens.
            asked = [problem for problem in batch for _ in range(given.samples)]
            reasons = ["stop" if each else "length" for each in stopped.tolist()]
            feedbacks = scorer.score(ids, asked, reasons)

            # Weigh: one advantage for each token, zeros after the end and where we failed to judge.
            weights = torch.zeros_like(completions, dtype=torch.float32)
            for first in range(0, len(feedbacks), given.samples):
                rows = [row for row in range(first, first + given.samples) if not feedbacks[row].masked]
                for row, advantage in zip(rows, advantages([feedbacks[row] for row in rows]), strict=True):
                    weights[row, : len(advantage)] = advantage.to(device)

            # Learn: REINFORCE, a sum over tokens and a mean over samples (eq. 2).
            mask = torch.cat([prompts[1], torch.ones_like(completions)], dim=1)
            positions = (mask.cumsum(1) - 1).clamp(min=0)
            logits = model(input_ids=whole, attention_mask=mask, position_ids=positions).logits[:, :-1].float()
            chosen = logits.log_softmax(-1).gather(2, whole[:, 1:, None]).squeeze(2)[:, -completions.shape[1] :]
            loss = -(weights * chosen).sum() / len(ids)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

            passed = sum(each.report.execution.verdict is Verdict.PASSED for each in feedbacks) / len(feedbacks)
            reward = sum(float(each.total.mean()) for each in feedbacks) / len(feedbacks)
            passed_shares.append(passed)
            print(f"step {step + 1:>3}  pass rate {passed:.1%}  mean token reward {reward:+.3f}", flush=True)
    return passed_shares


def without_end(ids: torch.Tensor, mask: torch.Tensor, end: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Take off the end-of-sequence token that some tokenizers write after a prompt: the text goes on."""
    ended = bool((ids[:, -1] == end).all())
    return (ids[:, :-1], mask[:, :-1]) if ended else (ids, mask)


if __name__ == "__main__":
    main()
