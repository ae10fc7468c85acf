"""The judge: programs in, verdicts out, from several threads, with workers that are replaced when they die.

Each worker process belongs to one thread here, which feeds it, compares what comes back with the expected outputs
(they never leave this process, save to a referee that runs no program), and completes the future.

What this module does not do: read programs (linters do), cache results, or fork this process.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any

from engine.claims import State
from engine.limits import Limits
from engine.outputs import Observation, Output, no_outputs
from engine.records import Execution, Problem, Verdict
from engine.sandbox.isolation import Isolation, SandboxError, check, measure
from engine.sandbox.worker import Worker, WorkerError
from engine.tracing import Tracing, worth_tracing
from engine.trial import Trial

_QUEUE = 256
"""Submissions that wait before `submit` blocks."""
_SPARES = 3
"""Crews per worker that are started, one by one, while programs sleep; they cost memory and no processor."""
_ATTEMPTS = 2
"""How often a program is tried when its worker dies, each time on a fresh worker."""


def check_submission(program: bytes, problem: Problem) -> None:
    """Raises TypeError for what cannot be judged, in the caller's own line and not as a verdict."""
    if not isinstance(program, bytes):
        raise TypeError(f"program: must be bytes, as from text.encode(), not {type(program).__name__}")
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: must be a Problem, as from parse_problem(...), not {type(problem).__name__}")


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
            SandboxError: this machine cannot confine programs as required, or no worker starts.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, is {workers}")
        self.limits = limits or Limits()
        self._require, self._hash_seed = require, hash_seed
        self._queue: queue.Queue[_Job | None] = queue.Queue(_QUEUE)
        self._pending: dict[tuple[bytes, int], Future[Execution]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._crews: list[_Crew] = []
        self._workers, self._most = workers, workers * (1 + _SPARES)
        self._turns = threading.Semaphore(workers)
        self._threads: list[threading.Thread] = []
        started = [self._add_crew() for _ in range(workers)]
        try:
            self.isolation: Isolation = min((future.result() for future in started), key=lambda found: found.level)
        except BaseException as error:
            self.close(abandon=True)
            if isinstance(error, WorkerError):
                raise SandboxError(str(error)) from None
            raise

    @property
    def retries(self) -> int:
        """How often a program was given to a fresh worker because its own had died."""
        return sum(crew.retries for crew in self._crews)

    def submit(self, program: bytes, problem: Problem) -> Future[Execution]:
        """Judges `program` on `problem`; blocks while very many submissions wait.

        The same program on the same problem object is judged once while it is waiting or running.

        Args:
            program: source as the policy wrote it.
            problem: its tests decide.

        Raises:
            TypeError: the program is no bytes, or the problem no `Problem`.
        """
        check_submission(program, problem)
        key = (program, id(problem))  # the job keeps the problem, so its id stays its own
        return self._add(_Job(partial(Trial, program, problem, self.limits), Trial.run, _infra, key))

    def trace_lines(self, program: bytes, problem: Problem, execution: Execution) -> Future[Execution]:
        """`execution` with the lines that its tests ran (`TestResult.executed_lines`), from a second run.

        Without them where the second run went another way than the first, for tests that ran very many lines (save
        those that ran out of time), and for all but the first tests where there are very many.
        """
        trial = partial(Tracing, program, problem, self.limits, "lines", worth_tracing(execution))

        def trace(tracing: Tracing, worker: Worker, referee: Worker | None, _: str) -> Execution:
            return tracing.lines(worker, referee, execution)

        return self._add(_Job(trial, trace, lambda *_: execution))

    def trace_states(self, program: bytes, problem: Problem, test: int) -> Future[tuple[State, ...]]:
        """What each line of the program did to its variables in one test; nothing where that test did not end."""
        trial = partial(Tracing, program, problem, self.limits, "states", (test,))

        def trace(tracing: Tracing, worker: Worker, referee: Worker | None, _: str) -> tuple[State, ...]:
            return tracing.states(worker, referee)

        return self._add(_Job(trial, trace, lambda *_: ()))

    def outputs(self, program: bytes, problem: Problem) -> Future[tuple[Output, ...]]:
        """What `program` prints or returns for the input of each test; what the tests expect is not looked at.

        For `StdinTest`, `CallTest` (`expected` may be None) and `assert f(literals) == anything_literal`. A reference
        solution run on new inputs gives new tests; run it more than once, on judges with different `hash_seed`, and
        leave out what differs.

        Raises:
            ValueError: a test is another assertion, which has no input that could be given to a program.
        """
        observation = Observation(program, problem, self.limits)

        def observe(observation: Observation, worker: Worker, _: Worker | None, isolation: str) -> tuple[Output, ...]:
            return observation.observe(worker, isolation)

        return self._add(_Job(lambda: observation, observe, lambda reason, _: no_outputs(problem, reason)))

    def _add(self, job: _Job) -> Future[Any]:
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is closed")
            if job.key is not None and (same := self._pending.setdefault(job.key, job.future)) is not job.future:
                return same
        job.future.set_running_or_notify_cancel()
        self._queue.put(job)
        return job.future

    def close(self, *, abandon: bool = False) -> None:
        """Finishes what was submitted and ends the workers; with `abandon`, gives up what has not begun (`infra`)."""
        with self._lock:
            already, self._closed = self._closed, True
        if not already:
            if abandon:
                self._drop_waiting()
            for _ in self._threads:  # no crew is added any more
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
                    self._finish(job, job.failed("the judge was closed", ""))

    # In the threads

    def _add_crew(self) -> Future[Isolation]:
        """Start a thread with a worker; the result comes when it has been measured."""
        started: Future[Isolation] = Future()
        name = f"judge-{len(self._threads)}"
        self._threads.append(threading.Thread(target=self._work, args=(started,), name=name, daemon=True))
        self._threads[-1].start()
        return started

    def _work(self, started: Future[Isolation]) -> None:
        crew = _Crew(self.limits.memory_bytes, self._require, self._hash_seed, self._fell_asleep)
        self._crews.append(crew)
        try:
            started.set_result(crew.start())
        except BaseException as error:
            crew.close()
            started.set_exception(error)
            return
        with crew:
            while (job := self._next(crew)) is not None:
                try:
                    self._finish(job, crew.run(job))
                except BaseException as error:  # whatever happened, somebody waits for this future
                    self._finish(job, job.failed(f"{type(error).__name__}: {error}", ""))
                crew.busy = False
                self._end_turn(crew)

    def _next(self, crew: _Crew) -> _Job | None:
        """Wait for the crew's turn, then for something to do; None at the end."""
        self._turns.acquire()
        crew.has_turn = True
        job = self._queue.get()
        crew.busy = job is not None
        if job is None:
            self._end_turn(crew)
        return job

    def _end_turn(self, crew: _Crew) -> None:
        if crew.has_turn:
            crew.has_turn = False
            self._turns.release()

    def _fell_asleep(self, crew: _Crew) -> None:
        """A program sleeps and needs no processor: another crew may work as long, a new one where there is none."""
        if not crew.has_turn:
            return
        self._end_turn(crew)
        with self._lock:
            awake = len(self._threads) - sum(other.busy and not other.has_turn for other in self._crews)
            if awake < self._workers and len(self._threads) < self._most and not self._closed:
                self._add_crew()

    def _finish(self, job: _Job, result: object) -> None:
        if job.key is not None:
            with self._lock:
                self._pending.pop(job.key, None)
        job.future.set_result(result)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One submission."""

    trial: Callable[[], Any]
    """Made in the worker's thread."""
    work: Callable[[Any, Worker, Worker | None, str], Any]
    """What to do with it: trial, worker, referee, isolation -> result."""
    failed: Callable[[str, str], object]
    """Reason, isolation -> the result where we could not run the program."""
    key: tuple[bytes, int] | None = None
    """The same submission has the same."""
    future: Future[Any] = field(default_factory=Future)


class _Crew:
    """A worker for programs and, once a test needs it, one for the referee: both owned by one thread."""

    def __init__(self, memory_bytes: int, require: int, hash_seed: int, fell_asleep: Callable[[_Crew], object]) -> None:
        self._memory_bytes, self._require, self._hash_seed = memory_bytes, require, hash_seed
        self._fell_asleep = fell_asleep
        self.busy = self.has_turn = False
        """Whether it runs a program, and whether it is one of those that may use a processor."""
        self._program: Worker | None = None
        self._referee: Worker | None = None
        self._isolation: Isolation | None = None
        self.retries = 0

    def start(self) -> Isolation:
        """Start the worker for programs."""
        self._program = Worker(memory_bytes=self._memory_bytes, hash_seed=self._hash_seed)
        self._program.check = self._measure
        self._program.asleep = partial(self._fell_asleep, self)
        return self._measure(self._program)

    def _measure(self, worker: Worker) -> Isolation:
        """Refuse a worker that confines less than required or than the one before it."""
        isolation = measure(worker)
        check(isolation, max(self._require, self._isolation.level if self._isolation else 0))
        self._isolation = isolation
        return isolation

    def run(self, job: _Job) -> object:
        """Runs one program, again on fresh workers where one died."""
        trial = job.trial()
        reason = ""
        for tried in range(_ATTEMPTS):
            self.retries += bool(tried)
            try:
                if self._program is None:
                    self.start()
                if trial.needs_referee and self._referee is None:
                    self._referee = Worker(memory_bytes=self._memory_bytes)
                assert self._program is not None
                return job.work(trial, self._program, self._referee, str(self._isolation))
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
