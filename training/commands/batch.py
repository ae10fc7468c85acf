"""`rltf feedback --batch` judges many programs from one file as the workers come free, with one line out per line in.

It does not keep everything in memory. A bad line is named in its own line and stops nothing.
"""

from __future__ import annotations

import json
import re
import sys
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from engine import Engine, Execution, Problem, ProblemError, Report, Verdict
from feedback import FinishReason, assess, to_json
from integrations.items import finish_reason_of, problem_of, program_of
from training.models.tokenization import Tokenization, TokenizerError

_WAITING_PER_WORKER = 16
_ID = re.compile(rb'"id"\s*:\s*("[\x20\x21\x23-\x5b\x5d-\x7e]*"|-?[1-9][0-9]{0,17}(?![0-9.eE]))')
"""An id in a line that is not JSON as a whole."""


class LineError(ValueError):
    """An input line that cannot be judged."""

    def __init__(self, identity: object, what: str) -> None:
        super().__init__(what)
        self.identity = identity


@dataclass(frozen=True, slots=True)
class Item:
    """One input line."""

    id: object
    program: bytes
    problem: Problem
    finish_reason: FinishReason


def run_batch(source: Path, out: Path, workers: int, tokenization: Tokenization | None) -> int:
    """Judge every line of `source` into `out`, in any order.

    Returns:
        0, or 1 where lines were malformed or could not be judged; each is named on standard error.
    """
    with (
        source.open("rb") as lines,
        Engine(workers, workers, trace_lines=True) as engine,
        out.open("w", encoding="utf-8") as stream,
    ):
        writer = _Writer(stream, tokenization)
        pending: dict[Future[Report], list[Item]] = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                item = read_line(line, number)
            except LineError as error:
                writer.problem(error.identity, str(error))
                continue
            future = engine.submit(item.program, item.problem)
            pending.setdefault(future, []).append(item)
            while len(pending) >= workers * _WAITING_PER_WORKER:
                _write_done(pending, writer)
        while pending:
            _write_done(pending, writer)
    return 1 if writer.problems else 0


def read_line(line: bytes, number: int) -> Item:
    """Read one line of the input: `{"id", "program" | "program_b64", "problem", "finish_reason"?}`.

    Raises:
        LineError: it is not, and what is wrong.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        found = _ID.search(line)
        raise LineError(json.loads(found[1]) if found else None, f"line {number}: not JSON ({error})") from None
    if not isinstance(data, dict):
        raise LineError(None, f"line {number}: must be an object")
    identity = data.get("id")
    if identity is None:
        raise LineError(None, f"line {number}: `id` is missing")
    try:
        return Item(identity, program_of(data), problem_of(data.get("problem")), finish_reason_of(data))
    except (ProblemError, ValueError, RecursionError) as error:
        raise LineError(identity, str(error)) from None


class _Writer:
    def __init__(self, stream: IO[str], tokenization: Tokenization | None) -> None:
        self._stream, self._tokenization = stream, tokenization
        self.problems = 0

    def problem(self, identity: object, what: str) -> None:
        self._write({"id": identity, "problem_error": what})
        self._name(identity, what)

    def report(self, item: Item, report: Report) -> None:
        offsets = np.zeros((0, 2), dtype=np.int32)
        lost = ""
        if self._tokenization is not None:
            try:
                offsets = self._tokenization.offsets(item.program)
            except TokenizerError as error:
                lost = str(error)
        feedback = assess(report, offsets, finish_reason=item.finish_reason)
        line = to_json(feedback, item.id, tokens=self._tokenization is not None)
        if lost:
            line["tokens_error"] = lost
            self._name(item.id, lost)
        if report.execution.verdict is Verdict.INFRA:
            self._name(item.id, f"not judged: {report.execution.infra_reason}")
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._stream.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._stream.name) from None

    def _name(self, identity: object, what: str) -> None:
        self.problems += 1
        print(f"rltf feedback: {json.dumps(identity)}: {what}", file=sys.stderr)


def _write_done(pending: dict[Future[Report], list[Item]], writer: _Writer) -> None:
    """Wait for one report at least, and write all that are done."""
    for future in wait(list(pending), return_when=FIRST_COMPLETED).done:
        for item in pending.pop(future):
            writer.report(item, _result(future, item))


def _result(future: Future[Report], item: Item) -> Report:
    try:
        return future.result()
    except Exception as error:  # our own failure is no answer about the program
        reason = f"{type(error).__name__}: {error}"
        return Report(item.program, Execution(Verdict.INFRA, (), None, 0.0, "", infra_reason=reason), ())
