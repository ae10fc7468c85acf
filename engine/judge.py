"""Turn programs into verdicts, in several threads, with processes that are replaced when they die.

Each thread owns a crew of processes (`engine.crew`) and gives it programs. Nothing that a program wrote is parsed or
compared here. Finished records come back.
"""

from __future__ import annotations

import contextlib
import queue
import resource
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.crew import FILES, Crew
from engine.executed import with_lines, worth_tracing
from engine.limits import Limits
from engine.messages import Answer, ClerkLimits
from engine.outputs import Output, check_observable, no_outputs, output_of, unreadable_outputs
from engine.records import Diagnostic, Execution, Problem, TestResult, Verdict
from engine.sandbox.isolation import Isolation, SandboxError
from engine.sandbox.worker import WorkerError
from engine.task import Task

_QUEUE = 256
"""Submissions that wait before `submit` blocks."""
_SPARES = 6
"""Crews per worker that are started, one by one, while programs sleep; they cost memory and no processor."""
_FREE_FILES = 32
"""Descriptors that spare crews leave free."""
_TOGETHER, _FAIR = 8, 4
"""A crew is given so many programs at once, where so many times as many wait for each worker."""


def check_submission(program: bytes, problem: Problem) -> None:
    """Raise TypeError for what cannot be judged, in the caller's own line and not as a verdict."""
    if not isinstance(program, bytes):
        raise TypeError(f"program: must be bytes, as from text.encode(), not {type(program).__name__}")
    if not isinstance(problem, Problem):
        raise TypeError(f"problem: must be a Problem, as from parse_problem(...), not {type(problem).__name__}")


class Judge:
    """Runs programs on problems in sandboxed workers. Use it as a context manager, or `close` it."""

    def __init__(
        self,
        workers: int = 1,
        limits: Limits | None = None,
        require: int = 1,
        *,
        hash_seed: int = 0,
        clerk_limits: ClerkLimits | None = None,
    ) -> None:
        """Start the workers and measure how well they confine.

        Args:
            workers: Worker processes. Each takes about one core.
            limits: What one program may use.
            require: Lowest isolation level to run at. 0 allows resource limits alone, and never as root.
            hash_seed: `PYTHONHASHSEED` of the programs. Another one shows whether they depend on the order of sets.
            clerk_limits: What reading one program's answers may take.

        Raises:
            SandboxError: This machine cannot confine programs as required, or no worker starts.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, is {workers}")
        self.limits, self._clerk_limits = limits or Limits(), clerk_limits or ClerkLimits()
        self._require, self._hash_seed = require, hash_seed
        self._queue: queue.Queue[Task | None] = queue.Queue(_QUEUE)
        self._pending: dict[tuple[bytes, int], Future[object]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._crews: list[Crew] = []
        self._workers, self._most = workers, _most_crews(workers)
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
        """Count how often a program was given to fresh processes because its own had died."""
        return sum(crew.retries for crew in self._crews)

    def submit(self, program: bytes, problem: Problem) -> Future[Execution]:
        """Judge `program` on `problem`. Blocks while very many submissions wait.

        The same program on the same problem object is judged once while it is waiting or running.

        Args:
            program: Source as the policy wrote it.
            problem: Its tests decide.

        Raises:
            TypeError: the program is no bytes, or the problem no `Problem`.
        """
        check_submission(program, problem)
        key = (program, id(problem))  # the task keeps the problem, so its id stays its own
        task = Task(
            "judge",
            program,
            problem,
            read=_execution,
            unreadable=lambda isolation: _unreadable(problem, isolation),
            failed=_infra,
            key=key,
        )
        return self._add(task)

    def trace_lines(self, program: bytes, problem: Problem, execution: Execution) -> Future[Execution]:
        """Add to `execution` the lines that its tests ran (`TestResult.executed_lines`), from a second run.

        None are added where the second run went another way than the first, for tests that ran very many lines (save
        those that ran out of time), and for all but the first tests where there are very many.
        """
        tests = worth_tracing(execution)
        task = Task(
            "lines",
            program,
            problem,
            read=lambda answer: with_lines(execution, tests, answer.results),
            unreadable=lambda _: execution,
            failed=lambda *_: execution,
            tests=tests,
        )
        return self._add(task)

    def parting(self, program: bytes, problem: Problem, test: int) -> Future[Diagnostic | None]:
        """Find where the program's variables part from those of the problem's first reference solution, in one test.

        None where they do not, or where the test came to no end.
        """
        task = Task(
            "parting",
            program,
            problem,
            read=lambda answer: answer.diagnostic,
            unreadable=lambda _: None,
            failed=lambda *_: None,
            tests=(test,),
        )
        return self._add(task)

    def outputs(self, program: bytes, problem: Problem) -> Future[tuple[Output, ...]]:
        """Give what `program` prints or returns for the input of each test, whatever the tests expect.

        Tests are `StdinTest`, `CallTest` (`expected` may be None) or `assert f(literals) == anything_literal`. A
        reference solution that is run on new inputs gives new tests. Run it more than once, on judges with different
        `hash_seed`, and leave out what differs.

        Raises:
            ValueError: A test is another assertion, which has no input that could be given to a program.
        """
        check_observable(problem)
        task = Task(
            "outputs",
            program,
            problem,
            read=lambda answer: tuple(map(output_of, answer.outputs)),
            unreadable=lambda _: unreadable_outputs(problem),
            failed=lambda reason, _: no_outputs(problem, reason),
        )
        return self._add(task)

    def _add(self, task: Task) -> Future[Any]:
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is closed")
            if task.key is not None and (same := self._pending.setdefault(task.key, task.future)) is not task.future:
                return same
        task.future.set_running_or_notify_cancel()
        self._queue.put(task)
        return task.future

    def close(self, *, abandon: bool = False) -> None:
        """Finish what was submitted and end the workers. With `abandon`, give up what has not begun (`infra`)."""
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
                task = self._queue.get_nowait()
                if task is not None:
                    self._finish(task, task.failed("the judge was closed", ""))

    # In the threads

    def _add_crew(self) -> Future[Isolation]:
        """Start a thread with a crew. The result comes when its worker has been measured."""
        started: Future[Isolation] = Future()
        name = f"judge-{len(self._threads)}"
        self._threads.append(threading.Thread(target=self._work, args=(started,), name=name, daemon=True))
        self._threads[-1].start()
        return started

    def _work(self, started: Future[Isolation]) -> None:
        crew = Crew(self.limits, self._clerk_limits, self._require, self._hash_seed, self._fell_asleep)
        self._crews.append(crew)
        try:
            started.set_result(crew.start())
        except BaseException as error:
            crew.close()
            started.set_exception(error)
            return
        with crew:
            while tasks := self._next(crew):
                try:
                    crew.run(tasks, self._finish)
                except BaseException as error:  # whatever happened, somebody waits for these futures
                    for task in tasks:
                        if not task.future.done():
                            self._finish(task, task.failed(f"{type(error).__name__}: {error}", ""))
                crew.busy = False
                self._end_turn(crew)

    def _next(self, crew: Crew) -> list[Task]:
        """Wait for the crew's turn, then for something to do: several tasks where very many wait, none at the end."""
        self._turns.acquire()
        crew.has_turn = True
        task = self._queue.get()
        if task is None:
            self._end_turn(crew)
            return []
        crew.busy = True
        tasks = [task]
        with contextlib.suppress(queue.Empty):
            while len(tasks) < min(_TOGETHER, self._queue.qsize() // (_FAIR * self._workers)):
                if (task := self._queue.get_nowait()) is None:
                    self._queue.put(None)  # for a later turn
                    break
                tasks.append(task)
        return tasks

    def _end_turn(self, crew: Crew) -> None:
        if crew.has_turn:
            crew.has_turn = False
            self._turns.release()

    def _fell_asleep(self, crew: Crew) -> None:
        """Let another crew work while a program sleeps and needs no processor, a new one where there is none."""
        if not crew.has_turn:
            return
        self._end_turn(crew)
        with self._lock:
            awake = len(self._threads) - sum(other.busy and not other.has_turn for other in self._crews)
            if awake < self._workers and len(self._threads) < self._most and not self._closed:
                self._add_crew()

    def _finish(self, task: Task, result: object) -> None:
        if task.key is not None:
            with self._lock:
                self._pending.pop(task.key, None)
        task.future.set_result(result)


def _most_crews(workers: int) -> int:
    """Compute how many crews there may be, with as many spare ones as the limit of open files has room for."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - len(list(Path("/proc/self/fd").iterdir())) - _FREE_FILES
    return max(min(workers * (1 + _SPARES), room // FILES), workers)


def _infra(reason: str, isolation: str = "") -> Execution:
    return Execution(Verdict.INFRA, (), None, 0.0, isolation, infra_reason=reason)


def _execution(answer: Answer) -> Execution:
    if answer.execution is None:
        raise TypeError("a clerk answered without a verdict")
    return answer.execution


def _unreadable(problem: Problem, isolation: str) -> Execution:
    """Make the verdict on a program whose answers cannot be read, which are wrong ones."""
    tests = (TestResult(Verdict.FAILED, 0.0),) * len(problem.tests)
    return Execution(Verdict.FAILED, tests, None, 0.0, isolation)
