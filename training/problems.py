"""Load the problems of a run: those to train on, and the held-out ones."""

from __future__ import annotations

from collections.abc import Callable

from engine import REFERENCE_FIELDS, Problem
from training.config import TrainConfig
from training.data import DataError, LoadReport, load_problems


def load_data(config: TrainConfig, tell: Callable[[str], None] = lambda _: None) -> tuple[list[Problem], list[Problem]]:
    """The problems to train on and the held-out ones; `tell` is given a line for whatever had to be left out.

    Raises:
        DataError: they cannot be read, or some are in both.
    """
    problems = _loaded("train", config.data.train, config.data.limit, tell)
    held_out = _loaded("held_out", config.data.held_out, config.data.held_out_limit, tell)
    if shared := {problem.id for problem in problems} & {problem.id for problem in held_out}:
        raise DataError(
            f"data.train {config.data.train!r} and data.held_out {config.data.held_out!r}: {len(shared)} in both,"
            f" such as {min(shared)!r}; held-out problems must not be trained on"
        )
    _check_references(config, problems, tell)
    return problems, held_out


def _check_references(config: TrainConfig, problems: list[Problem], tell: Callable[[str], None]) -> None:
    """Refuse, or tell of, problems that a supervised loss can learn nothing from."""
    if not (getattr(config.objective, "supervised", 0.0) and config.training.supervised_batch):
        return
    without = sum(not problem.references for problem in problems)
    alone = not config.algorithm.samples
    if alone and without == len(problems):
        raise DataError(
            f"data.train {config.data.train!r}: none of its {len(problems)} problems has a reference solution, and"
            f" {config.objective.algorithm!r} learns from nothing else; allowed fields: {', '.join(REFERENCE_FIELDS)}"
        )
    if without:
        what = "are never learned from" if alone else "have no part in the supervised loss"
        tell(f"data.train {config.data.train}: {without} of {len(problems)} problems have no reference and {what}")


def _loaded(key: str, spec: str, limit: int, tell: Callable[[str], None]) -> list[Problem]:
    report = LoadReport()
    problems = load_problems(spec, limit, report, for_model=True)
    for line in report.lines():
        tell(f"data.{key} {spec}: {line}")
    return problems
