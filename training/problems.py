"""The problems of a run: those to train on, and the held-out ones.

What this module does not do: read data sets (`training.data`).
"""

from __future__ import annotations

from collections.abc import Callable

from engine import Problem
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
    return problems, held_out


def _loaded(key: str, spec: str, limit: int, tell: Callable[[str], None]) -> list[Problem]:
    report = LoadReport()
    problems = load_problems(spec, limit, report)
    for line in report.lines():
        tell(f"data.{key} {spec}: {line}")
    return problems
