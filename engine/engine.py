"""Judge a program on a problem, and read it if it did not pass. Both together are one `Report`.

`Judge` runs programs and `Analyser` reads them, in processes of their own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any

from engine.analysis import Analyser, AnalysisLimits
from engine.judge import Judge, check_submission
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
    """Judges and reads programs. Use it as a context manager, or `close` it.

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
        reference_states: bool = False,
        cached_reports: int = 4096,
        finders: Sequence[str] = (),
    ) -> None:
        """Start the workers.

        Args:
            judge_workers: Processes that run programs. Each takes about one core.
            analysis_workers: Processes that read programs that did not pass.
            limits: What one program may use.
            analysis_limits: What reading one program may take.
            require: Lowest isolation level to run at (see `Judge`).
            trace_lines: For programs that did not pass, also find out which lines each test ran, in a second run.
            reference_states: For programs that ran and gave a wrong answer, also find out where their variables part
                from those of the problem's first reference solution, on the first test that failed.
            cached_reports: How many reports are kept.
            finders: More functions that read programs, by import path (see `Analyser`).

        Raises:
            SandboxError: this machine cannot confine programs as required.
        """
        self.judge = Judge(judge_workers, limits, require)
        self._analyser = Analyser(analysis_workers, analysis_limits, finders)
        self._trace_lines, self._reference_states = trace_lines, reference_states
        self._room = cached_reports
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[bytes, int], tuple[Problem, Future[Report]]] = OrderedDict()
        self._pending: set[Future[Report]] = set()

    @property
    def isolation(self) -> Isolation:
        """Say how well programs are confined, as measured."""
        return self.judge.isolation

    @property
    def retries(self) -> int:
        """Count how often a program was run again because a worker had died, which is never the program's trouble."""
        return self.judge.retries

    def submit(self, program: bytes, problem: Problem) -> Future[Report]:
        """Report on `program` as an answer to `problem`. Blocks while very many submissions wait.

        Raises:
            TypeError: the program is text (places are counted in the bytes that were sampled), or the problem is not
                what `parse_problem` makes of its fields.
        """
        check_submission(program, problem)
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
        """Measure how alike a program and the reference most like it are (see `Analyser.compare`)."""
        return self._analyser.compare(program, references)

    def close(self) -> None:
        """Finish what was submitted and end the workers."""
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
            looks = self._second_looks(key[0], problem, execution)
            _when_all_are_done(looks, partial(self._looked_again, key, future, report, looks))
        except BaseException as error:
            self._fail(key, future, error)

    def _second_looks(self, program: bytes, problem: Problem, execution: Execution) -> list[Future[Any]]:
        """Find what was asked for beside the verdict: lines, and where the program parts from a reference."""
        looks: list[Future[Any]] = []
        if self._trace_lines and execution.tests:
            looks.append(self.judge.trace_lines(program, problem, execution))
        if self._reference_states and execution.verdict is Verdict.FAILED and problem.references:
            test = next(index for index, one in enumerate(execution.tests) if one.verdict is Verdict.FAILED)
            looks.append(self.judge.parting(program, problem, test))
        return looks

    def _looked_again(
        self, key: tuple[bytes, int], future: Future[Report], report: Report, looks: list[Future[Any]]
    ) -> None:
        try:
            for found in (look.result() for look in looks):
                if isinstance(found, Execution):
                    report = replace(report, execution=found)
                elif found is not None:
                    report = replace(report, diagnostics=(*report.diagnostics, found))
            self._finish(key, future, report)
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
    """Turn the errors of an execution into findings, each distinct one once, the first test's first."""
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
    if named:
        return Diagnostic(Source.RUNTIME, error.type, error.message, error.span, error.builtin)
    return Diagnostic(Source.RUNTIME, error.kind.value, error.message, error.span)


def _when_all_are_done(futures: list[Future[Any]], then: Callable[[], None]) -> None:
    """Call `then` once, from whichever thread is last, or at once where there is nothing to wait for."""
    if not futures:
        then()
        return
    lock, left = threading.Lock(), len(futures)

    def one_done(_: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            then()

    for future in futures:
        future.add_done_callback(one_done)
