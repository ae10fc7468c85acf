"""The one writer of a run directory, for our trainer and for a loop of one's own. Whatever shows runs shows these."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from engine import Problem, Verdict
from feedback import Feedback
from training.errors import RunError
from training.files import write_text
from training.run.control import Control
from training.run.directory import Run
from training.run.rows import feedback_metrics, feedback_row
from training.run.store import NoStore, RunStore, SampleRow

Exist = Literal["error", "new", "replace"]
_OBEYED = {"pause": "paused", "resume": "running", "stop": "stopping"}
_FILES = (
    "run.db",
    "run.db-wal",
    "run.db-shm",
    "about.json",
    "control.json",
    "notes.json",
    "summary.json",
    "report.html",
)
"""What a run of one's own leaves in its folder."""
_PAUSE = 0.1
"""Seconds between two looks for a command while paused."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One program of a step and what it earned. Of its tokens what is known, one value per token of the feedback."""

    problem: Problem
    feedback: Feedback
    token_ids: Sequence[int] = ()
    logprobs: Sequence[float] = ()
    advantages: Sequence[float] = ()
    sample: int | None = None
    """Its number among the step's samples of this problem. None counts."""
    facts: Mapping[str, Any] | None = None
    """More of the record, such as `prompt`."""


class Recorder:
    """Writes steps into a new run directory. As a context it ends the run as finished, stopped or failed.

    Args:
        folder: The run's directory, such as `runs/mine`; made if there is none.
        steps: How many steps there will be, if that is known.
        store: Our trainer's, which owns the folder already and may go on with a run.
        exist: What to do if there is a run in it already: `error`, `new` (the next free name, such as `mine-2`) or
            `replace`, which deletes that run.

    Raises:
        RunError: there is a run in it already, and `exist` is `error`.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        steps: int | None = None,
        exist: Exist = "error",
        store: RunStore | NoStore | None = None,
    ) -> None:
        path = Path(folder) if store is not None else _free(Path(folder), exist)
        self._store = store or RunStore(path)
        self._pushed = time.monotonic()
        self.run = Run(path)
        self._steps = steps
        self._step = 0
        self._state = ""
        self._control = Control(path)
        if store is None:
            write_text(path / "config.toml", "")
            self.tell("running")

    def push(self, step: int, samples: Sequence[Scored] = (), metrics: Mapping[str, float] | None = None) -> bool:
        """Write one step, all of it or nothing. Then obey what was asked: a pause is waited out here.

        Args:
            step: Its number; rising.
            samples: The step's programs. Mean rewards and the shares of outcomes are written with them.
            metrics: More numbers by name; one that is written already is replaced.

        Returns:
            Whether to go on: False once somebody has asked for a stop.
        """
        judged = [sample.feedback for sample in samples if sample.feedback.report.execution.verdict != Verdict.INFRA]
        summed = feedback_metrics(judged, len(samples) - len(judged)) if samples else {}
        now, before = time.monotonic(), self._pushed
        self._pushed = now
        self.write(step, samples, {**summed, "time/step": now - before, **(metrics or {})})
        self._obey()
        return self._state != "stopping"

    def write(
        self, step: int, samples: Sequence[Scored] = (), metrics: Mapping[str, float] | None = None
    ) -> list[SampleRow]:
        """Write one step, all of it or nothing. Returns the rows of its samples."""
        counts: dict[str, int] = {}
        rows = []
        for sample in samples:
            number = counts[sample.problem.id] = counts.get(sample.problem.id, -1) + 1
            number = number if sample.sample is None else sample.sample
            columns = _columns(sample)
            rows.append(
                feedback_row(
                    sample.feedback, sample.problem, step=step, sample=number, facts=sample.facts, columns=columns
                )
            )
        self._step = step
        self._store.write(step, metrics, rows)
        return rows

    def tell(self, state: str, identifier: int | None = None) -> None:
        """Write a state event. `identifier` is the command it answers."""
        self._state = state
        data: dict[str, Any] = {"state": state, "step": self._step, "steps": self._steps, "id": identifier}
        self._store.write(self._step, events=[("state", data)])

    def event(self, kind: str, data: Mapping[str, Any], metrics: Mapping[str, float] | None = None) -> None:
        """Write another event of the present step, with numbers that belong to it."""
        self._store.write(self._step, metrics, events=[(kind, data)])

    @property
    def newest(self) -> int:
        """The `seq` of the newest row."""
        return self._store.newest

    def go_on_after(self, step: int) -> None:
        """Forget what was written after a step: a resumed run does those steps again."""
        self._step = max(0, step)
        self._store.forget_after(step)

    def close(self, state: str | None = "finished") -> None:
        """End the run. `state` is `finished`, `stopped`, `failed`, or None where it is told already."""
        if state is not None:
            self.tell(state)
        self._store.close()

    def _obey(self) -> None:
        while True:
            command = self._control.poll()
            if command is not None and command[0] in _OBEYED:
                self.tell(_OBEYED[command[0]], command[1])
            if self._state != "paused":
                return
            time.sleep(_PAUSE)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt) or (error is None and self._state == "stopping"):
            self.close("stopped")
        else:
            self.close("finished" if error is None else "failed")


def _free(path: Path, exist: Exist) -> Path:
    """Choose the folder that a new run goes into."""
    if not (path / "run.db").exists():
        return path
    match exist:
        case "new":
            names = (path.with_name(f"{path.name}-{number}") for number in count(2))
            return next(name for name in names if not (name / "run.db").exists())
        case "replace":
            for name in _FILES:
                (path / name).unlink(missing_ok=True)
            return path
    raise RunError(f'{path}: there is a run already; choose another folder, or exist="new" or exist="replace"')


def scored_record(scored: Scored) -> dict[str, Any]:
    """Make the record of one program outside any run."""
    row = feedback_row(scored.feedback, scored.problem, step=0, sample=0, columns=_columns(scored))
    return {name: value for name, value in row.record.items() if name not in ("step", "sample")}


def _columns(scored: Scored) -> dict[str, Sequence[Any]]:
    known: dict[str, list[Any]] = {
        "id": list(map(int, scored.token_ids)),  # arrays and tensors hold numbers that JSON does not know
        "logprob": list(map(float, scored.logprobs)),
        "advantage": list(map(float, scored.advantages)),
    }
    return {name: values for name, values in known.items() if values}
