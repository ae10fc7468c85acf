"""Give feedback on one program in a notebook, also while it is edited in a view.

Without a tokenizer, words stand in for tokens.
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
    """Make a problem from a record, a mapping in a public shape, or a JSON file of one.

    Raises:
        ProblemError: it is not a problem. The message names the field.
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
    """Make the record of one program, as `SampleView` shows it.

    Args:
        program: Its text.
        problem: The problem that it should solve.
        settings: Rewards and mode.
        tokenization: Makes the tokens that carry rewards. None means words.
        sampled: The record of the sample that this program is an edit of. Unchanged text keeps its tokens.

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
    """Return this kernel's engine, which starts at the first program and ends with the kernel."""
    engine = Engine()
    atexit.register(engine.close)
    return engine


class Counterfactuals:
    """Judges edited programs for a view in a thread of its own, the newest edit first.

    Args:
        send: Sends a message to the view.
        assess_edited: Makes the record of an edited program from the problem's id, the program, and the number of its
            sample (None outside a run). It returns None if there is no such problem.
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
        """Take `{kind: "edit", view, edit, seq, problem_id, program}`. It replaces an edit that still waits."""
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
