"""Load the problems of a run: those to train on, and the held-out ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from engine import REFERENCE_FIELDS, Problem, are_python
from training.config import TrainConfig
from training.data import DataError, LoadReport, load_problems


def load_data(config: TrainConfig, tell: Callable[[str], None] = lambda _: None) -> tuple[list[Problem], list[Problem]]:
    """Load the problems to train on and the held-out ones. `tell` gets a line for whatever had to be left out.

    Raises:
        DataError: they cannot be read, or an id is in both.
    """
    problems = _loaded("train", config.data.train, config.data.limit, tell)
    held_out = _loaded("held_out", config.data.held_out, config.data.held_out_limit, tell)
    problems = _apart(config, problems, held_out, tell)
    _check_references(config, problems, tell)
    return problems, held_out


def _apart(
    config: TrainConfig, problems: list[Problem], held_out: list[Problem], tell: Callable[[str], None]
) -> list[Problem]:
    """Leave out what held-out problems say in the same words. Published sets have such pairs; an id is one problem."""
    where = f"data.train {config.data.train!r} and data.held_out {config.data.held_out!r}"
    trained = {problem.id for problem in problems}
    if shared := [problem.id for problem in held_out if problem.id in trained]:
        raise DataError(
            f"{where}: {len(shared)} in both, such as {min(shared)!r}; held-out problems must not be trained on"
        )
    texts = {_text(problem) for problem in held_out}
    kept = [problem for problem in problems if _text(problem) not in texts]
    if not kept:
        raise DataError(f"{where}: all have the same texts; held-out problems must not be trained on")
    if left_out := len(problems) - len(kept):
        tell(f"data.train {config.data.train}: {left_out} of {len(problems)} left out: held-out ones have their text")
    return kept


def _text(problem: Problem) -> str:
    return " ".join(problem.prompt.split())


def _check_references(config: TrainConfig, problems: list[Problem], tell: Callable[[str], None]) -> None:
    """Refuse, or tell of, problems that a supervised loss can learn nothing from."""
    if not (config.objective.learns_references and config.training.supervised_batch):
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


def with_python_references(
    config: TrainConfig, problems: Sequence[Problem], tell: Callable[[str], None]
) -> list[Problem]:
    """Drop references that are not Python 3, which nobody should learn. APPS has some in Python 2 and in C++.

    Raises:
        DataError: none is left, and the algorithm learns from nothing else.
    """
    references = [reference for problem in problems for reference in problem.references]
    python = dict(zip(references, are_python(references), strict=True))
    kept = [replace(problem, references=tuple(filter(python.get, problem.references))) for problem in problems]
    foreign = [problem.id for problem in problems if not all(map(python.get, problem.references))]
    if foreign:
        data = f"data.train {config.data.train!r}"
        lost = sum(not python[reference] for reference in references)
        if lost == len(references) and not config.algorithm.samples:
            raise DataError(
                f"{data}: none of its {lost} reference solutions is Python 3, and {config.objective.algorithm!r}"
                " learns from nothing else"
            )
        tell(
            f"{data}: {lost} of {len(references)} reference solutions are left out: they are not Python 3, as one of"
            f" problem {foreign[0]!r}"
        )
    return kept


def _loaded(key: str, spec: str, limit: int, tell: Callable[[str], None]) -> list[Problem]:
    report = LoadReport()
    problems = load_problems(spec, limit, report, for_model=True)
    for line in report.lines():
        tell(f"data.{key} {spec}: {line}")
    return problems
