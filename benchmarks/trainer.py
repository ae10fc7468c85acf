"""This trainer against TRL's GRPOTrainer, in one run: `python -m benchmarks.trainer [--write]` (extra `bench`).

Same weights, prompts, group size, lengths, dtype, objective (GRPO: clip 0.2, divided by the group's deviation, no KL)
and a reward of the same cost: the program is compiled, and what it earns is the parity of its checksum, so that every
group has something to learn from and leaving samples out gains nothing. A, B, A, B; each from the same weights, with a
learning rate that leaves them as they are, so that completions stay as long as they are. The first step of each turn
is not counted. On a GPU the model has half a billion random weights in bfloat16.

What this does not do: judge or lint (`benchmarks.judge`), or say which learns better.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from benchmarks.growth import GPU, GROUP, Row, finish, growth
from benchmarks.tables import write_between_markers
from engine import Execution, Problem, Report, Verdict
from feedback import Feedback, FinishReason, assess, extract_program, token_offsets
from training import minicode
from training.config import TrainConfig
from training.models.performance import Tokens, sampled_tokens
from training.ranks import ALONE
from training.run.resume import new_beginning

PROBLEMS = 8
TOKENS = 256 if GPU else 40
STEPS = 8
TURNS = 2
PHASES = ("sample", "reward", "learn", "step")
Times = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    parser.add_argument("--steps", type=int, default=STEPS, help="counted steps of each turn")
    arguments = parser.parse_args()
    torch.set_num_threads(1 if not GPU else max(1, (os.cpu_count() or 2) // 2))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        model = _model_folder(Path(folder))
        turns: dict[str, list[Times]] = defaultdict(list)
        for _ in range(TURNS):
            for name, run in (("this trainer", ours), ("TRL", theirs)):
                turns[name].append(run(model, Path(folder), arguments.steps))
                gc.collect()
                print(name, {phase: round(value, 4) for phase, value in turns[name][-1].items()}, file=sys.stderr)
        grown = growth()
    text = _tables(turns, grown, arguments.steps)
    print(text)
    if arguments.write:
        write_between_markers(Path("docs/performance.md"), "trainer", text)


def reward(program: bytes) -> bool:
    """What a program earns: it is compiled for the cost, and drawn by lot for a spread."""
    with contextlib.suppress(SyntaxError, ValueError):
        compile(program, "program", "exec")
    return bool(zlib.crc32(program) % 2)


def _model_folder(folder: Path) -> str:
    """The embedded model; on a GPU one of the shape of Qwen2.5-0.5B with random weights and the same tokenizer."""
    source = minicode.checkpoint("short")
    if not GPU:
        return str(source)
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(source)
    config = Qwen2Config(
        vocab_size=151_936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    Qwen2ForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return str(folder / "model")


# This trainer


class Compiling:
    """A scorer whose feedback costs what TRL's reward costs."""

    def __init__(self, policy: Any) -> None:  # noqa: ANN401
        self._policy = policy
        self.seconds = 0.0

    def submit(self, token_ids: Sequence[int], problem: Problem, finish_reason: FinishReason) -> Future[Feedback]:
        del problem
        begin = time.perf_counter()
        pieces = self._policy.bytes_of(token_ids)
        program = b"".join(pieces)
        verdict = Verdict.PASSED if reward(program) else Verdict.FAILED
        report = Report(program, Execution(verdict, (), None, 0.0, "none"), ())
        found: Future[Feedback] = Future()
        offsets = token_offsets(pieces, extract_program(program))
        found.set_result(assess(report, offsets, finish_reason=finish_reason))
        self.seconds += time.perf_counter() - begin
        return found

    def close(self) -> None:
        """Nothing to end."""


def ours(
    model: str,
    folder: Path,
    steps: int,
    own: Mapping[str, object] = MappingProxyType({}),
    scorer_of: Callable[[Any], Any] = Compiling,
) -> Times:
    """Train for some steps. Returns what one took, in seconds, and what it computed.

    Args:
        model: Folder of the model.
        folder: Where the run's directory is made.
        steps: Number of steps that count, after one that does not.
        own: What differs from the configuration below.
        scorer_of: Makes what scores, given the policy.
    """
    from training.opening import open_parts
    from training.step import Step

    settings = {
        "model.name": model,
        "model.dtype": "bfloat16" if GPU else "float32",
        "objective.algorithm": "grpo",
        "objective.adaptive": 0.0,
        "sampler.problems_per_step": PROBLEMS,
        "sampler.samples_per_problem": GROUP,
        "sampler.max_new_tokens": TOKENS,
        "buffer.capacity": PROBLEMS * GROUP,
        "buffer.batch_size": PROBLEMS * GROUP,
        "optimizer.learning_rate": 1e-9,
        "optimizer.micro_batch_tokens": 1 << 16,
        "training.supervised_batch": 0,
        **own,
    }
    path = folder / f"ours-{time.monotonic_ns()}"
    path.mkdir()
    parts, _ = open_parts(
        TrainConfig.load(overrides=settings),
        path,
        minicode.problems("short", "train")[: 64 * PROBLEMS],
        tell=lambda _: None,
        go_on=lambda: None,
        ranks=ALONE,
        beginning=new_beginning(),
    )
    parts.scorer.close()
    scorer = scorer_of(parts.policy)
    parts.trainer.rollouts.scorer = scorer
    times: Times = defaultdict(float)
    for number in range(steps + 1):
        scorer.seconds = 0.0
        begin, step = time.perf_counter(), Step(number)
        parts.trainer.take(step)
        finish()
        if number:
            times["step"] += time.perf_counter() - begin
            times["reward"] += scorer.seconds
            times["sample"] += step.metrics["time/sample"] - scorer.seconds
            times["learn"] += step.metrics["time/learn"]
            times["wait"] += step.metrics["time/feedback_wait"]
            if parts.performance is not None:
                learned = Tokens(*(int(step.metrics[f"learned/{part}_tokens"]) for part in ("prompt", "response")))
                drawn = sampled_tokens(step.drawn)
                counted = parts.performance.metrics(drawn, learned, time.perf_counter() - begin, times["sample"])
                times["flops"] += counted["flops_utilisation"]
            times["tokens"] += sum(len(experience.rollout.token_ids) for experience in step.fresh)
    scorer.close()
    parts.recorder.close(None)
    return {name: value / steps for name, value in times.items()}


# TRL


def theirs(model: str, folder: Path, steps: int) -> Times:
    """Train with TRL for some steps, as `ours`. Returns what one took, in seconds."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    times: Times = defaultdict(float)
    counted = [0]

    def earned(completions: list[str], **_: object) -> list[float]:
        return [float(reward(each.encode())) for each in completions]

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: object, **__: object) -> None:
            self.begin = time.perf_counter()

        def on_step_end(self, *_: object, **__: object) -> None:
            finish()
            if counted[0]:
                times["step"] += time.perf_counter() - self.begin
            counted[0] += 1

    prompts = [problem.prompt + "\n" for problem in minicode.problems("short", "train")[: 64 * PROBLEMS]]
    arguments = GRPOConfig(
        output_dir=str(folder / "trl"),
        max_steps=steps + 1,
        per_device_train_batch_size=PROBLEMS * GROUP,
        gradient_accumulation_steps=1,
        num_generations=GROUP,
        max_completion_length=TOKENS,
        learning_rate=1e-9,
        temperature=1.0,
        beta=0.0,
        loss_type="grpo",
        bf16=GPU,
        gradient_checkpointing=False,
        use_cpu=not GPU,
        dataloader_pin_memory=False,
        logging_steps=10_000,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        model_init_kwargs={"dtype": "float32"},
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=earned,
        args=arguments,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        callbacks=[Clock()],
    )
    _timed(trainer, "_generate_single_turn", "sample", times, counted)
    _timed(trainer, "_calculate_rewards", "reward", times, counted)
    trainer.train()
    times["learn"] = times["step"] - times["sample"] - times["reward"]
    return {name: value / steps for name, value in times.items()}


def _timed(owner: object, method: str, name: str, times: Times, counted: list[int]) -> None:
    inner: Callable[..., object] = getattr(owner, method)

    def timed(*inputs: object, **options: object) -> object:
        begin = time.perf_counter()
        result = inner(*inputs, **options)
        finish()
        if counted[0]:
            times[name] += time.perf_counter() - begin
        return result

    setattr(owner, method, timed)


# Tables


def _tables(turns: dict[str, list[Times]], grown: list[Row], steps: int) -> str:
    import transformers
    import trl

    samples = PROBLEMS * GROUP
    device = torch.cuda.get_device_name() if GPU else f"CPU, {torch.get_num_threads()} thread of {os.cpu_count()}"
    lines = [
        "## Trainer, against TRL",
        "",
        f"Made by `python -m benchmarks.trainer --write` (Python {platform.python_version()}, {device},",
        f"torch {torch.__version__}, transformers {transformers.__version__}, TRL {trl.__version__}).",
        "Both run GRPO with the same weights, prompts and reward. A step has",
        f"{samples} samples ({PROBLEMS} problems of {GROUP}) of at most {TOKENS} tokens. Each trainer has {TURNS}",
        f"turns of {steps} steps, one after the other. Values are samples a second. The ratio is that of the medians,",
        "with its range over the turns.",
        "",
        "| phase | this trainer | TRL | ratio |",
        "|---|---|---|---|",
    ]
    ours, theirs = turns["this trainer"], turns["TRL"]
    for phase in PHASES:
        a, b = ([samples / max(1e-9, turn[phase]) for turn in each] for each in (ours, theirs))
        ratios = [mine / other for mine in a for other in b]
        name = "**end to end**" if phase == "step" else phase
        lines.append(
            f"| {name} | {statistics.median(a):.0f} | {statistics.median(b):.0f} |"
            f" {statistics.median(a) / statistics.median(b):.2f}x ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )
    lines += [
        "",
        "This is what a sample costs the trainer as batch, length and vocabulary grow. The model is a random",
        "3-layer Llama of width 128. Prompts have 16 tokens, and nothing ends a text before its limit.",
        "",
        "| varied | samples | tokens | vocabulary | sampling, ms a sample | learning, ms a sample |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {what} | {count} | {tokens} | {vocabulary} | {sampling:.2f} | {learning:.2f} |"
        for what, count, tokens, vocabulary, sampling, learning in grown
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
