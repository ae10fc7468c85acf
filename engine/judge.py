"""The judge: programs in, verdicts out, from several threads, with workers that are replaced when they die.

Each worker process belongs to one thread here, which feeds it, compares what comes back with the expected outputs
(they never leave this process, save to a referee that runs no program), and completes the future.

What this module does not do: read programs (linters do), cache results, or fork this process.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType

from engine.limits import Limits
from engine.records import Execution, Problem, Verdict
from engine.sandbox.isolation import Isolation, SandboxError, check, measure
from engine.sandbox.worker import Worker, WorkerError
from engine.trial import Trial

_QUEUE = 256
"""Submissions that wait before `submit` blocks."""
_ATTEMPTS = 2
"""How often a program is tried when its worker dies, each time on a fresh worker."""


class Judge:
    """Runs programs on problems in sandboxed workers; use it as a context manager, or `close` it."""

    def __init__(self, workers: int = 1, limits: Limits | None = None, require: int = 1) -> None:
        """Starts the workers and measures how well they confine.

        Args:
            workers: worker processes; each takes about one core.
            limits: what one program may use.
            require: lowest isolation level to run at; 0 allows resource limits alone (never as root).

        Raises:
            SandboxError: this machine cannot confine programs as required.
            WorkerError: a worker did not start.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, is {workers}")
        self.limits = limits or Limits()
        self._require = require
        self._queue: queue.Queue[_Job | None] = queue.Queue(_QUEUE)
        self._pending: dict[tuple[bytes, int, bool], Future[Execution]] = {}
        self._lock = threading.Lock()
        self._closed = False
        started: list[Future[Isolation]] = [Future() for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._work, args=(future,), name=f"judge-{index}", daemon=True)
            for index, future in enumerate(started)
        ]
        for thread in self._threads:
            thread.start()
        try:
            self.isolation: Isolation = min((future.result() for future in started), key=lambda found: found.level)
        except BaseException:
            self.close(abandon=True)
            raise

    def submit(self, program: bytes, problem: Problem, *, trace_lines: bool = False) -> Future[Execution]:
        """Judges `program` on `problem`; blocks while very many submissions wait.

        The same program on the same problem object is judged once while it is waiting or running.

        Args:
            program: source as the policy wrote it.
            problem: its tests decide.
            trace_lines: also find out which lines ran (`TestResult.executed_lines`); costs a second run.
        """
        key = (program, id(problem), trace_lines)  # the job keeps the problem, so its id stays its own
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is closed")
            if (same := self._pending.get(key)) is not None:
                return same
            future: Future[Execution] = Future()
            future.set_running_or_notify_cancel()
            self._pending[key] = future
        self._queue.put(_Job(key, program, problem, trace_lines, future))
        return future

    def close(self, *, abandon: bool = False) -> None:
        """Finishes what was submitted and ends the workers; with `abandon`, gives up what has not begun (`infra`)."""
        with self._lock:
            already, self._closed = self._closed, True
        if not already:
            if abandon:
                self._drop_waiting()
            for _ in self._threads:
                self._queue.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close(abandon=kind is not None)

    def _drop_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._queue.get_nowait()
                if job is not None:
                    self._finish(job, _infra("the judge was closed"))

    # In the threads

    def _work(self, started: Future[Isolation]) -> None:
        crew = _Crew(self.limits.memory_bytes, self._require)
        try:
            started.set_result(crew.start())
        except BaseException as error:
            crew.close()
            started.set_exception(error)
            return
        with crew:
            while (job := self._queue.get()) is not None:
                try:
                    self._finish(job, crew.judge(job.program, job.problem, self.limits, job.trace_lines))
                except BaseException as error:  # whatever happened, somebody waits for this future
                    self._finish(job, _infra(f"{type(error).__name__}: {error}"))

    def _finish(self, job: _Job, execution: Execution) -> None:
        with self._lock:
            self._pending.pop(job.key, None)
        job.future.set_result(execution)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One submission."""

    key: tuple[bytes, int, bool]
    program: bytes
    problem: Problem
    trace_lines: bool
    future: Future[Execution]


class _Crew:
    """A worker for programs and, once a test needs it, one for the referee: both owned by one thread."""

    def __init__(self, memory_bytes: int, require: int) -> None:
        self._memory_bytes, self._require = memory_bytes, require
        self._program: Worker | None = None
        self._referee: Worker | None = None
        self._isolation: Isolation | None = None

    def start(self) -> Isolation:
        """Starts the worker for programs; refuses one that confines less than required or than the one before it."""
        self._program = Worker(memory_bytes=self._memory_bytes)
        isolation = measure(self._program)
        check(isolation, max(self._require, self._isolation.level if self._isolation else 0))
        self._isolation = isolation
        return isolation

    def judge(self, program: bytes, problem: Problem, limits: Limits, trace_lines: bool) -> Execution:
        trial = Trial(program, problem, limits)
        reason = ""
        for _ in range(_ATTEMPTS):
            try:
                if self._program is None:
                    self.start()
                if trial.needs_referee and self._referee is None:
                    self._referee = Worker(memory_bytes=self._memory_bytes)
                assert self._program is not None
                return trial.run(self._program, self._referee, str(self._isolation), trace_lines)
            except (WorkerError, SandboxError) as error:
                reason = str(error)
                self.close()
        return _infra(reason, str(self._isolation))

    def close(self) -> None:
        for worker in (self._program, self._referee):
            if worker is not None:
                worker.close()
        self._program = self._referee = None

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _infra(reason: str, isolation: str = "") -> Execution:
    return Execution(Verdict.INFRA, (), None, 0.0, isolation, infra_reason=reason)
