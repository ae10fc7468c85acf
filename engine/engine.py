"""The engine: one program on one problem, judged, then read if it did not pass; one `Report`.

What this module does not do: run or read programs itself (`Judge`, `Analyser`), or know tokens and rewards.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from types import TracebackType

from engine.analysis import Analyser, AnalysisLimits
from engine.judge import Judge
from engine.limits import Limits
from engine.records import (
    Diagnostic,
    ErrorKind,
    Execution,
    Problem,
    ProgramError,
    Report,
    Similarity,
    Source,
    Span,
    Verdict,
)
from engine.sandbox.isolation import Isolation

_MOST_ERRORS = 5
"""Distinct errors of one program that become diagnostics."""


class Engine:
    """Judge and analyser together; use it as a context manager, or `close` it.

    Reports are cached by program text and problem object, so samples that repeat cost nothing. A report of our own
    failure (`infra`) is never cached.
    """

    def __init__(
        self,
        judge_workers: int = 1,
        analysis_workers: int = 1,
        *,
        limits: Limits | None = None,
        analysis_limits: AnalysisLimits | None = None,
        require: int = 1,
        trace_lines: bool = False,
        cached_reports: int = 4096,
    ) -> None:
        """Starts the workers.

        Args:
            judge_workers: processes that run programs; each takes about one core.
            analysis_workers: processes that read programs that did not pass.
            limits: what one program may use.
            analysis_limits: what reading one program may take.
            require: lowest isolation level to run at (see `Judge`).
            trace_lines: for programs that did not pass, also find out which lines each test ran, in a second run.
            cached_reports: how many reports are kept.

        Raises:
            SandboxError: this machine cannot confine programs as required.
        """
        self.judge = Judge(judge_workers, limits, require)
        self._analyser = Analyser(analysis_workers, analysis_limits)
        self._trace_lines = trace_lines
        self._room = cached_reports
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[bytes, int], tuple[Problem, Future[Report]]] = OrderedDict()
        self._pending: set[Future[Report]] = set()

    @property
    def isolation(self) -> Isolation:
        """How well programs are confined, as measured."""
        return self.judge.isolation

    def submit(self, program: bytes, problem: Problem) -> Future[Report]:
        """The report on `program` as an answer to `problem`; blocks while very many submissions wait."""
        key = (program, id(problem))
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key][1]
            future: Future[Report] = Future()
            future.set_running_or_notify_cancel()
            self._cache[key] = (problem, future)  # the problem is kept, so its id stays its own
            self._pending.add(future)
            while len(self._cache) > self._room:
                self._cache.popitem(last=False)
        try:
            judged = self.judge.submit(program, problem)
        except BaseException as error:
            self._fail(key, future, error)
            raise
        judged.add_done_callback(partial(self._judged, key, problem, future))
        return future

    def compare(self, program: bytes, references: tuple[str, ...]) -> Future[Similarity]:
        """How alike a program and the reference most like it are; see `Analyser.compare`."""
        return self._analyser.compare(program, references)

    def close(self) -> None:
        """Finishes what was submitted and ends the workers."""
        with self._lock:
            pending = list(self._pending)
        wait(pending)
        self.judge.close()
        self._analyser.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    # In the judge's and the analyser's threads

    def _judged(
        self, key: tuple[bytes, int], problem: Problem, future: Future[Report], judged: Future[Execution]
    ) -> None:
        try:
            execution = judged.result()
            if execution.verdict in (Verdict.PASSED, Verdict.INFRA):
                self._finish(key, future, Report(key[0], execution, ()))
                return
            reading = self._analyser.submit(key[0], problem)
            reading.add_done_callback(partial(self._read, key, problem, future, execution))
        except BaseException as error:  # somebody waits for this future
            self._fail(key, future, error)

    def _read(
        self,
        key: tuple[bytes, int],
        problem: Problem,
        future: Future[Report],
        execution: Execution,
        reading: Future[tuple[Diagnostic, ...]],
    ) -> None:
        try:
            report = Report(key[0], execution, (*diagnostics_of(execution), *reading.result()))
            if not self._trace_lines or not execution.tests:
                self._finish(key, future, report)
                return
            traced = self.judge.trace_lines(key[0], problem, execution)
            traced.add_done_callback(partial(self._traced, key, future, report))
        except BaseException as error:
            self._fail(key, future, error)

    def _traced(
        self, key: tuple[bytes, int], future: Future[Report], report: Report, traced: Future[Execution]
    ) -> None:
        try:
            self._finish(key, future, replace(report, execution=traced.result()))
        except BaseException as error:
            self._fail(key, future, error)

    def _finish(self, key: tuple[bytes, int], future: Future[Report], report: Report) -> None:
        with self._lock:
            self._pending.discard(future)
            if report.execution.verdict is Verdict.INFRA:
                self._cache.pop(key, None)
        future.set_result(report)

    def _fail(self, key: tuple[bytes, int], future: Future[Report], error: BaseException) -> None:
        with self._lock:
            self._pending.discard(future)
            self._cache.pop(key, None)
        future.set_exception(error)


def diagnostics_of(execution: Execution) -> tuple[Diagnostic, ...]:
    """The errors of an execution as findings: each distinct one once, the first test's first."""
    errors = [execution.error, *(test.error for test in execution.tests)]
    found: dict[tuple[str, Span | None], Diagnostic] = {}
    for error in errors:
        if error is not None:
            diagnostic = _diagnostic(error)
            found.setdefault((diagnostic.code, diagnostic.span), diagnostic)
    return tuple(found.values())[:_MOST_ERRORS]


def _diagnostic(error: ProgramError) -> Diagnostic:
    if error.kind is ErrorKind.SYNTAX:
        return Diagnostic(Source.SYNTAX, error.type, error.message, error.span)
    named = error.kind is ErrorKind.RUNTIME or (error.kind is ErrorKind.MEMORY and error.span is not None)
    return Diagnostic(Source.RUNTIME, error.type if named else error.kind.value, error.message, error.span)
