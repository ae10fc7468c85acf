"""Which format suits a model and a data set where none is asked for."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import AssertTest, Problem
from feedback.completions import Extract
from training.errors import ConfigError
from training.run.settings import read_settings

PLAIN = "{prompt}\n"


@dataclass(frozen=True, slots=True)
class Suitable:
    """A format, and why it was chosen."""

    prompt_format: str
    extract: Extract
    why: str
    stop: tuple[str, ...] = ()


def suitable_format(model: str, problems: Sequence[Problem]) -> Suitable:
    """Choose a format for a model and problems.

    A checkpoint of a run keeps the format it was trained in. A model with a chat template answers a user and puts its
    program into a Markdown block. Any other model continues a text: HumanEval's programs, or MBPP's published prompt.
    """
    if (trained := _of_run(Path(model))) is not None:
        return trained
    if model.startswith("embedded:"):
        return Suitable(PLAIN, "whole", "what the embedded models were trained on")
    if _has_template(model):
        return Suitable("chat", "fence", "its tokenizer has a chat template")
    if all(map(_is_begun, problems)):
        return Suitable("humaneval", "whole", "the problems are programs to continue")
    if all(problem.source == "mbpp" and _shows_asserts(problem) for problem in problems):
        return Suitable("mbpp", "whole", "the problems show the assertions that name the function")
    return Suitable(PLAIN, "whole", "the problem's text")


def _of_run(checkpoint: Path) -> Suitable | None:
    """Find the format of the run that a checkpoint is one of."""
    settings = checkpoint.absolute().parent.parent / "config.toml"
    if checkpoint.parent.name != "checkpoints" or not settings.is_file():
        return None
    try:
        model = read_settings(settings.parent).model
    except ConfigError:  # of another version
        return None
    return Suitable(model.prompt_format, model.extract, f"that of {settings.parent}", model.stop)


def _has_template(model: str) -> bool:
    from transformers import AutoTokenizer

    try:
        return bool(AutoTokenizer.from_pretrained(model).chat_template)
    except Exception:  # loading the model says what is wrong with it
        return False


def _is_begun(problem: Problem) -> bool:
    """Say whether a problem's text is a program up to the docstring of the function to write (HumanEval)."""
    try:
        body = ast.parse(problem.prompt).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(body) and isinstance(body[-1], ast.FunctionDef) and body[-1].name == problem.entry_point


def _shows_asserts(problem: Problem) -> bool:
    return any(isinstance(test, AssertTest) for test in problem.public_tests)
