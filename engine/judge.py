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
from typing import Any

from engine.limits import Limits
from engine.outputs import Observation, Output, no_outputs
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

    def __init__(self, workers: int = 1, limits: Limits | None = None, require: int = 1, *, hash_seed: int = 0) -> None:
        """Starts the workers and measures how well they confine.

        Args:
            workers: worker processes; each takes about one core.
            limits: what one program may use.
            require: lowest isolation level to run at; 0 allows resource limits alone (never as root).
            hash_seed: `PYTHONHASHSEED` of the programs; another one shows whether they depend on the order of sets.

        Raises:
            SandboxError: this machine cannot confine programs as required.
            WorkerError: a worker did not start.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, is {workers}")
        self.limits = limits or Limits()
        self._require, self._hash_seed = require, hash_seed
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

    def outputs(self, program: bytes, problem: Problem) -> Future[tuple[Output, ...]]:
        """What `program` prints or returns for the input of each test; what the tests expect is not looked at.

        For `StdinTest`, `CallTest` (`expected` may be None) and `assert f(literals) == anything_literal`. A reference
        solution run on new inputs gives new tests; run it more than once, on judges with different `hash_seed`, and
        leave out what differs.

        Raises:
            ValueError: a test is another assertion, which has no input that could be given to a program.
        """
        observation = Observation(program, problem, self.limits)
        future: Future[tuple[Output, ...]] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is closed")
        self._queue.put(_Job(None, program, problem, False, future, observation))
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
                    self._finish(job, job.failed("the judge was closed"))

    # In the threads

    def _work(self, started: Future[Isolation]) -> None:
        crew = _Crew(self.limits.memory_bytes, self._require, self._hash_seed)
        try:
            started.set_result(crew.start())
        except BaseException as error:
            crew.close()
            started.set_exception(error)
            return
        with crew:
            while (job := self._queue.get()) is not None:
                try:
                    self._finish(job, crew.run(job, self.limits))
                except BaseException as error:  # whatever happened, somebody waits for this future
                    self._finish(job, job.failed(f"{type(error).__name__}: {error}"))

    def _finish(self, job: _Job, result: Execution | tuple[Output, ...]) -> None:
        if job.key is not None:
            with self._lock:
                self._pending.pop(job.key, None)
        job.future.set_result(result)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One submission."""

    key: tuple[bytes, int, bool] | None
    program: bytes
    problem: Problem
    trace_lines: bool
    future: Future[Any]
    observation: Observation | None = None
    """Set where outputs are asked for, and not a verdict."""

    def failed(self, reason: str, isolation: str = "") -> Execution | tuple[Output, ...]:
        """The result where we could not run the program."""
        return _infra(reason, isolation) if self.observation is None else no_outputs(self.problem, reason)


class _Crew:
    """A worker for programs and, once a test needs it, one for the referee: both owned by one thread."""

    def __init__(self, memory_bytes: int, require: int, hash_seed: int) -> None:
        self._memory_bytes, self._require, self._hash_seed = memory_bytes, require, hash_seed
        self._program: Worker | None = None
        self._referee: Worker | None = None
        self._isolation: Isolation | None = None

    def start(self) -> Isolation:
        """Starts the worker for programs; refuses one that confines less than required or than the one before it."""
        self._program = Worker(memory_bytes=self._memory_bytes, hash_seed=self._hash_seed)
        isolation = measure(self._program)
        check(isolation, max(self._require, self._isolation.level if self._isolation else 0))
        self._isolation = isolation
        return isolation

    def run(self, job: _Job, limits: Limits) -> Execution | tuple[Output, ...]:
        """Judges or observes one program, again on fresh workers where one died."""
        observation = job.observation
        trial = observation or Trial(job.program, job.problem, limits)
        reason = ""
        for _ in range(_ATTEMPTS):
            try:
                if self._program is None:
                    self.start()
                if trial.needs_referee and self._referee is None:
                    self._referee = Worker(memory_bytes=self._memory_bytes)
                assert self._program is not None
                if observation is not None:
                    return observation.observe(self._program, str(self._isolation))
                return trial.run(self._program, self._referee, str(self._isolation), job.trace_lines)
            except (WorkerError, SandboxError) as error:
                reason = str(error)
                self.close()
        return job.failed(reason, str(self._isolation))

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
