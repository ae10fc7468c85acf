"""Feedback on a program at once, from a notebook: judged, read, laid on tokens; also when edited in a view.

What this module does not do: sample or train. Without a tokenizer, words stand in for tokens.
"""

from __future__ import annotations

import atexit
import contextvars
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from engine import Engine, Problem, SandboxError, parse_problem
from feedback import FinishReason, RewardSettings, assess
from notebook_ext.edited import offsets_of_edit
from training.models.tokenization import Tokenization
from training.page import compact, shown_record


def as_problem(problem: Problem | Mapping[str, object] | str | Path) -> Problem:
    """A problem from what a user has at hand: the record, a mapping in a public shape, or a JSON file of one.

    Raises:
        ProblemError: it is no problem; the message names the field.
    """
    if isinstance(problem, Problem):
        return problem
    if isinstance(problem, Mapping):
        return parse_problem(problem)
    path = Path(problem)
    return parse_problem(json.loads(path.read_text(encoding="utf-8")), path.stem)


def assess_program(
    program: str,
    problem: Problem,
    *,
    settings: RewardSettings | None = None,
    tokenization: Tokenization | None = None,
    sampled: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The record of one program, as `SampleView` shows it.

    Args:
        program: Its text.
        problem: What it should solve.
        settings: Rewards and mode.
        tokenization: The tokens that rewards are laid on; None for words.
        sampled: The record of the sample that this program is an edit of: what was not changed keeps its tokens.

    Returns:
        The record, with `laid_on`: `tokens`, `words` or `mixed` (`notebook_ext.edited`).
    """
    data = program.encode(errors="replace")
    report = _engine().submit(data, problem).result()
    offsets, laid_on = offsets_of_edit(sampled or {}, data, tokenization)
    reason = (sampled or {}).get("finish_reason") or FinishReason.STOP
    feedback = assess(report, offsets, finish_reason=reason, settings=settings)
    return {**shown_record(feedback, problem, problem.id), "laid_on": laid_on}


@cache
def _engine() -> Engine:
    """This kernel's engine: started at the first program, ended with the kernel."""
    engine = Engine()
    atexit.register(engine.close)
    return engine


class Counterfactuals:
    """Answers a view's question "and if the program were this?", in a thread of its own, the newest question first.

    Args:
        send: Sends a message to the view.
        assess_edited: Gives the record of an edited program, by the problem's id, the program, and the number of the
            sample it was (None outside a run); None if there is no such problem.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        assess_edited: Callable[[str, str, int | None], dict[str, Any] | None],
    ) -> None:
        self._send = send
        self._assess_edited = assess_edited
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="rltf-counterfactual")
        self._context = contextvars.copy_context()  # the cell's: see `Monitor.start`
        self._waiting: Future[None] | None = None

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take `{kind: "edit", view, edit, seq, problem_id, program}`; a question that still waits is overtaken."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self._executor.submit(self._context.run, self._answer, message)

    def _answer(self, message: Mapping[str, Any]) -> None:
        reply = {"kind": "edited", "to": message.get("view"), "edit": message.get("edit")}
        try:
            record = self._assess_edited(
                str(message.get("problem_id")), str(message.get("program")), message.get("seq")
            )
        except SandboxError as error:
            self._send({**reply, "failure": f"This machine cannot confine programs: {error}"})
            return
        if record is None:
            self._send({**reply, "failure": "This sample's problem is not at hand here: it cannot be judged anew."})
        else:
            self._send({**reply, "record": compact(record)})
