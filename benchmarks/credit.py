"""Which credit on tokens makes a model learn faster: the protocol of docs/credit.md, for one core.

    python -m benchmarks.credit properties --tier varied         # what a tier is like
    python -m benchmarks.credit shared --seeds 0 1 2             # every arm learns the same judged samples
    python -m benchmarks.credit online --seeds 0 1 --steps 20    # short runs that sample for themselves
    python -m benchmarks.credit table                            # writes what was measured into docs/credit.md

Arms are compared on the same held-out problems with the same random numbers, paired by problem and seed. Every outcome
goes into a file of JSON lines with its arm, seed and step, and what is there already is not run again.

Arms named *oracle* know the tier's tables (`benchmarks.credit_oracle`): they say what credit could gain at most.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from benchmarks.credit_table import comparison, table
from benchmarks.tables import write_between_markers
from engine import Verdict
from training.algorithms.credit import Credit, passed
from training.buffer import Buffer
from training.config import TrainConfig
from training.evaluation.estimates import pass_at_k
from training.evaluation.rates import judged_samples
from training.learners.local import LocalLearner
from training.models.forward import response_logprobs
from training.models.policy import set_threads
from training.models.prompts import encode_completion
from training.opening import Opened, open_parts
from training.problems import load_data
from training.ranks import ALONE
from training.records import Drawing, Group
from training.run.resume import new_beginning
from training.step import Step, Trainer

OUT = Path("docs/results/credit.jsonl")
PICTURE = Path("docs/images/results-uneven.svg")
PLAIN = {"supervised": 0.0, "fine": 0.0, "static": 0.0, "mask_unexecuted": False}
ORACLE = "benchmarks.credit_oracle:Oracle"
ARMS: dict[str, dict[str, Any]] = {
    "leave one out": {"algorithm": "rltf", "baseline": "leave_one_out", **PLAIN},
    "baseline 0": {"algorithm": "rltf", "baseline": "none", **PLAIN},
    "token rewards": {"algorithm": "rltf", "baseline": "leave_one_out", **PLAIN, "fine": 1.0, "static": 1.0},
    "grpo": {"algorithm": "grpo"},
    "raft": {"algorithm": "credit", "baseline": "none"},
    "negative": {"algorithm": "credit", "passing": 0.0, "failing": 1.0},
    "positive": {"algorithm": "credit"},
    "asymmetric": {"algorithm": "credit", "failing": 0.3},
    "choices": {"algorithm": "credit", "choices": 0.0},
    "peers": {"algorithm": "credit", "focus": 1.0},
    "peers, doubled": {"algorithm": "credit", "focus": 2.0},
    "peers + asymmetric": {"algorithm": "credit", "focus": 1.0, "failing": 0.3},
    "peers + choices": {"algorithm": "credit", "focus": 1.0, "choices": 0.0},
    "branch": {"algorithm": "branch", "focus": 1.0},
    "oracle choices": {"algorithm": ORACLE, "choices": 0.0},
    "oracle faults": {"algorithm": ORACLE, "focus": 1.0},
    "oracle": {"algorithm": ORACLE, "focus": 1.0, "choices": 0.0},
}
"""What is compared: `objective` of each. The learning rate and the reuse of samples are the same for all."""
COMMON = {
    "sampler.max_new_tokens": 192,
    "sampler.batch_size": 256,
    "training.supervised_batch": 0,
    "run.threads": 1,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What all arms of a comparison share."""

    tier: str
    seed: int
    steps: int
    """Optimizer steps of an arm."""
    rate: float
    """Learning rate at its highest."""

    def config(self, arm: str) -> TrainConfig:
        """Make the configuration of an arm."""
        keys = {f"objective.{key}": value for key, value in ARMS[arm].items()}
        own = {
            "model.name": f"embedded:{self.tier}",
            "data.train": f"minicode:{self.tier}:train",
            "data.held_out": f"minicode:{self.tier}:held_out",
            "run.seed": self.seed,
            "training.steps": self.steps,
            "optimizer.learning_rate": self.rate,
        }
        return TrainConfig.load(None, {**COMMON, **keys, **own})


@dataclass(slots=True)
class Bench:
    """The parts of one seed, and the weights that every arm begins with."""

    opened: Opened
    setting: Setting
    initial: dict[str, Any]

    def trainer(self, arm: str) -> Trainer:
        """Put the policy back to its beginning, and let the arm learn it."""
        config, opened, steps = self.setting.config(arm), self.opened, self.setting.steps
        opened.policy.model.load_state_dict(self.initial)
        return replace(
            opened.trainer,
            algorithm=config.algorithm(config.objective, opened.trainer.algorithm.parts),
            learner=LocalLearner(opened.policy, config.optimizer, steps),
            buffer=Buffer(config),
            steps=steps,
        )

    def evaluate(self, problems: int, samples: int, temperature: float) -> dict[str, list[int]]:
        """Sample held-out problems; says of each whether its samples pass."""
        opened = self.opened
        passes: dict[str, list[int]] = {}
        judged = judged_samples(
            opened.policy,
            opened.trainer.rollouts.sampler,
            opened.scorer.engine.judge,
            opened.held_out[:problems],
            samples,
            Drawing(temperature),
            seed=self.setting.seed,
        )
        for each in judged:
            passes.setdefault(each.problem_id, []).append(int(each.execution.verdict is Verdict.PASSED))
        return passes

    def mistakes(self, problems: int) -> float:
        """Compute the mean probability of the weak step's mistake, after the reference up to there: exact and cheap."""
        from benchmarks.credit_oracle import mistake

        policy, rollouts = self.opened.policy, self.opened.trainer.rollouts
        prompts, begun = [], []
        for problem in self.opened.held_out[:problems]:
            right, wrong = (encode_completion(policy, text) for text in mistake(problem.id))
            parted = next(i for i, pair in enumerate(zip(right, wrong, strict=False)) if pair[0] != pair[1])
            prompts.append(rollouts.prompt(problem))
            begun.append(wrong[: parted + 1])
        found = []
        with torch.inference_mode():
            for start in range(0, len(begun), 32):
                rows, _ = response_logprobs(policy, prompts[start : start + 32], begun[start : start + 32])
                found += [float(row[len(ids) - 1].exp()) for row, ids in zip(rows, begun[start:], strict=False)]
        return statistics.mean(found)


def open_bench(setting: Setting, folder: Path) -> Bench:
    """Load the model and start the judge; nothing of the run's folder is kept."""
    config = setting.config("leave one out")
    set_threads(1)
    problems, held_out = load_data(config)
    opened, _ = open_parts(config, folder, problems, print, lambda: None, ALONE, new_beginning(), held_out=held_out)
    return Bench(opened, setting, copy.deepcopy(opened.policy.model.state_dict()))


def draw_groups(bench: Bench, first: int, count: int) -> list[Group]:
    """Sample the initial policy on the training problems that steps `first` to `first + count` would take."""
    rollouts = bench.opened.trainer.rollouts
    requests = [request for step in range(first, first + count) for request in rollouts.requests(step)]
    return rollouts.groups(rollouts.draw(requests).judged)


def shared(bench: Bench, arms: Sequence[str], given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Let every arm learn the same groups, `given.portion` problems a step, and evaluate it once."""
    groups = draw_groups(bench, 0, given.sets)
    for arm in arms:
        trainer = bench.trainer(arm)
        portions = [groups[start : start + given.portion] for start in range(0, len(groups), given.portion)]
        for step in range(given.steps):
            experiences = [each for group in portions[step % len(portions)] for each in trainer.algorithm.credit(group)]
            batch = trainer.algorithm.batch(experiences, step)
            trainer.learner.accumulate(batch.sequences, batch.divisor, batch.loss)
            trainer.learner.update()
        yield from outcomes(bench, given, {"arm": arm, "step": given.steps, "judged": len(groups) * 8})


def online(bench: Bench, arms: Sequence[str], given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Let every arm sample for itself, and evaluate it on the way."""
    for arm in arms:
        trainer = bench.trainer(arm)
        for number in range(given.steps):
            trainer.take(Step(number))
            if (number + 1) % given.every == 0 or number + 1 == given.steps:
                judged = (number + 1) * 128
                yield from outcomes(bench, given, {"arm": arm, "step": number + 1, "judged": judged})


def outcomes(bench: Bench, given: argparse.Namespace, about: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Evaluate at the first temperature, and after the last step at each, as rows of the file."""
    mistakes = round(bench.mistakes(10**6), 4)
    about = {"protocol": given.command, **asdict(bench.setting), **about}
    last = about["step"] == given.steps
    for temperature in given.temperatures if last else given.temperatures[:1]:
        passes = bench.evaluate(given.problems, given.samples, temperature)
        row = {**about, "temperature": temperature, "mistakes": mistakes}
        rates = {k: statistics.mean(pass_at_k(len(p), sum(p), k) for p in passes.values()) for k in (1, given.samples)}
        print(json.dumps(row), " ".join(f"pass@{k} {rate:.3f}" for k, rate in rates.items()), flush=True)
        yield {**row, "passes": {name: "".join(map(str, each)) for name, each in passes.items()}}


def properties(bench: Bench, given: argparse.Namespace) -> dict[str, float]:
    """Measure what the tier is like, on samples of the initial policy."""
    from benchmarks.credit_oracle import bindings_and_comments, faults, right_lines

    groups = draw_groups(bench, 0, given.sets)
    places = located(bench, groups)
    samples = [sample for group in groups for sample in group.samples]
    failing = [sample for sample in samples if not passed(sample)]
    entropy: dict[str, list[float]] = {"names and comments": [], "the rest of passing ones": [], "faults": []}
    lines = []
    for sample in samples:
        rollout, report = sample.rollout, sample.feedback.report
        _, row = response_logprobs(bench.opened.policy, [rollout.prompt_ids], [rollout.token_ids], entropy=True)
        assert row is not None
        entropies = row[0].detach().numpy()
        free = bindings_and_comments(sample)
        entropy["names and comments"].append(float(entropies[free].sum()))
        if passed(sample):
            entropy["the rest of passing ones"].append(float(entropies[~free].sum()))
            continue
        wrong = faults(sample, right_lines(rollout.problem_id))
        entropy["faults"].append(float(entropies[wrong].sum()))
        lines.append(len({report.program[:start].count(b"\n") for start, _ in sample.feedback.offsets[wrong]}))
    solved = [[s.feedback.report.program for s in group.samples if passed(s)] for group in groups]
    return {
        "samples": len(samples),
        "pass@1": 1 - len(failing) / len(samples),
        "problems without a pass in eight samples": sum(not programs for programs in solved) / len(solved),
        "tokens of a program": statistics.mean(len(sample.rollout.token_ids) for sample in samples),
        **{f"nats of entropy on {name}": statistics.mean(values) for name, values in entropy.items()},
        "failing programs with a line that no right program has": sum(map(bool, lines)) / len(lines),
        "such lines in one of them": statistics.mean(filter(None, lines)),
        "failing programs with exactly one": lines.count(1) / len(lines),
        "different programs among two passing ones of a problem": _different(solved),
        "visits of a training problem in 40 steps": 640 / len(bench.opened.trainer.rollouts.problems),
        **places,
    }


def located(bench: Bench, groups: Sequence[Group]) -> dict[str, float]:
    """Say how often the blamed tokens of failing samples hold a fault, and how many of them are at fault.

    Tokens are weighed by the certainty. What the passing samples wrote is known beforehand, as in a later step.
    """
    from benchmarks.credit_oracle import faults, right_lines

    credit = bench.trainer("peers").algorithm
    assert isinstance(credit, Credit)
    credit.acquittals.add(s.feedback.report.program for group in groups for s in group.samples if passed(s))
    found: dict[str, list[tuple[float, float, float, float]]] = {"peers": [], "errors": []}
    for group in groups:
        passing = [sample for sample in group.samples if passed(sample)]
        for sample in group.samples:
            wrong = faults(sample, right_lines(group.problem_id)) if not passed(sample) else None
            if wrong is None or not wrong.any():
                continue
            for name, peers in (("peers", passing), ("errors", [])):
                if name == "errors" or peers:
                    certain = credit.certainty(sample, peers)
                    hit = float((certain * wrong).any())
                    found[name].append((hit, float(certain @ wrong), float(certain.sum()), float(wrong.sum())))
    measured: dict[str, float] = {}
    for name, rows in found.items():
        hits, right, blamed, at_fault = map(sum, zip(*rows, strict=True))
        measured |= {
            f"{name}: failing samples": len(rows),
            f"{name}: with a fault among the blamed tokens": hits / len(rows),
            f"{name}: certainty that lies on tokens at fault": right / max(1e-9, blamed),
            f"{name}: certainty of a token at fault": right / at_fault,
            f"{name}: certainty of a program's tokens together": blamed / len(rows),
        }
    return measured


def _different(solved: Sequence[Sequence[bytes]]) -> float:
    """Share of pairs of a problem's passing programs that are not the same text."""
    pairs = [one != other for programs in solved for one, other in combinations(programs, 2)]
    return statistics.mean(pairs)


def _is_last(row: dict[str, Any], command: str) -> bool:
    """Say whether a row of the file ends a run of this protocol."""
    return bool(row["protocol"] == command and row["step"] == row["steps"])


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("properties", "shared", "online", "table"))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS), metavar="ARM")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--sets", type=int, default=4, help="shared: steps' worth of samples, 128 each")
    parser.add_argument("--steps", type=int, default=8, help="optimizer steps of an arm")
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate of an arm")
    parser.add_argument("--tier", choices=("varied", "uneven"), default="uneven")
    parser.add_argument("--portion", type=int, default=16, help="shared: problems of a step")
    parser.add_argument("--every", type=int, default=5, help="online: steps between evaluations")
    parser.add_argument("--problems", type=int, default=96, help="held-out problems")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--temperatures", nargs="+", type=float, default=[1.0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--against", default="positive")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    if given.command == "table":
        write_between_markers(Path("docs/credit.md"), "credit", table(rows, given.against))
        write_between_markers(Path("docs/results.md"), "uneven", comparison(rows, PICTURE))
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as folder:
            setting = Setting(given.tier, seed, given.steps, given.rate)
            bench = open_bench(setting, Path(folder) / "run")
            try:
                if given.command == "properties":
                    for name, value in properties(bench, given).items():
                        print(f"| {name} | {value:.3g} |")
                    continue
                done = [r["arm"] for r in rows if r | asdict(setting) == r and _is_last(r, given.command)]
                arms = [arm for arm in given.arms if arm not in done]
                if given.command == "shared":  # where nobody asks for more samples
                    arms = [arm for arm in arms if ARMS[arm]["algorithm"] != "branch"]
                run = shared if given.command == "shared" else online
                for row in run(bench, arms, given):
                    with given.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
            finally:
                bench.opened.close()


if __name__ == "__main__":
    main()
