"""What a tier of minicode is like for credit: where its entropy lies, and how much of what is blamed is at fault."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from benchmarks.credit_bench import Bench, draw_groups
from benchmarks.credit_oracle import bindings_and_comments, faults, right_lines
from training.algorithms.branch import Branch
from training.algorithms.credit import Credit, passed
from training.models.forward import response_logprobs
from training.records import Group


def properties(bench: Bench, sets: int) -> dict[str, float]:
    """Measure what the tier is like, on samples of the initial policy."""
    groups = draw_groups(bench, 0, sets)
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
        **branched(bench, groups),
    }


def located(bench: Bench, groups: Sequence[Group]) -> dict[str, float]:
    """Say how often the blamed tokens of failing samples hold a fault, and how many of them are at fault.

    Tokens are weighed by the certainty. What the passing samples wrote is known beforehand, as in a later step.
    """
    credit = bench.trainer("peers").algorithm
    assert isinstance(credit, Credit)
    credit.right.add(s.feedback.report.program for group in groups for s in group.samples if passed(s))
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


def branched(bench: Bench, groups: Sequence[Group]) -> dict[str, float]:
    """Say how often branches pass where the first four samples of a problem fail, beside the other four drawn anew.

    What the first four of the other problems wrote is known beforehand.
    """
    algorithm, rollouts = bench.trainer("branch").algorithm, bench.opened.trainer.rollouts
    assert isinstance(algorithm, Branch)
    firsts = [replace(group, samples=group.samples[:4]) for group in groups]
    algorithm.right.add(s.feedback.report.program for first in firsts for s in first.samples if passed(s))
    failed = [first for first in firsts if not any(map(passed, first.samples))]
    asked = algorithm.further([failed], 0)
    drawn = rollouts.groups(rollouts.draw(asked).judged)
    anew = {group.problem_id: group.samples[4:] for group in groups}
    right = [
        len(request.begun) == int(np.argmax(faults(sample, right_lines(first.problem_id))))
        for first, index in zip(failed, range(0, len(asked), 4), strict=True)
        for request, sample in zip(asked[index : index + 4], first.samples, strict=True)
    ]
    return {
        "branches: problems whose first four samples fail": len(failed),
        "branches: of four, pass": statistics.mean(sum(map(passed, group.samples)) for group in drawn),
        "branches: of four samples drawn anew, pass": statistics.mean(
            sum(map(passed, anew[first.problem_id])) for first in failed
        ),
        "branches: begin at the first fault": statistics.mean(right),
    }


def _different(solved: Sequence[Sequence[bytes]]) -> float:
    """Share of pairs of a problem's passing programs that are not the same text."""
    pairs = [one != other for programs in solved for one, other in combinations(programs, 2)]
    return statistics.mean(pairs)
