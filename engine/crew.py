"""Run the processes of one judge's thread: a worker for programs, one for tests, and the clerk that drives them.

They live and die together. A program may cost them their lives, and then goes to fresh ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from engine.clerk_process import Clerk, ClerkLostError
from engine.limits import Limits
from engine.messages import Answer, ClerkLimits, Settings
from engine.records import AssertTest, Problem
from engine.sandbox.isolation import Isolation, SandboxError, check, measure
from engine.sandbox.rules import is_source
from engine.sandbox.worker import Worker, WorkerError
from engine.steps import step_of
from engine.task import Task

FILES = 4
"""Descriptors of a crew: of its two workers and its clerk, and the clerk's page."""
_MOMENT = 0.2


class Crew:
    """The processes of one thread, which must outlive them."""

    def __init__(
        self,
        limits: Limits,
        clerk_limits: ClerkLimits,
        require: int,
        hash_seed: int,
        fell_asleep: Callable[[Crew], object],
    ) -> None:
        """Start nothing yet. `fell_asleep` is called when a program begins to sleep or wait."""
        self._limits, self._clerk_limits = limits, clerk_limits
        self._require, self._hash_seed = require, hash_seed
        self._fell_asleep = fell_asleep
        self.busy = self.has_turn = False
        """Whether it has programs, and whether it is one of the crews that may use a processor."""
        self._isolation: Isolation | None = None
        self._program: Worker | None = None
        self._referee: Worker | None = None
        self._clerk: Clerk | None = None
        self.retries = 0
        """How often a program was given to fresh processes because its own had died."""

    def start(self) -> Isolation:
        """Start a worker for programs."""
        self._program = Worker(memory_bytes=self._limits.memory_bytes, hash_seed=self._hash_seed)
        self._program.check = self._measure
        return self._measure(self._program)

    def _measure(self, worker: Worker) -> Isolation:
        """Refuse a worker that confines less than required or than the one before it."""
        isolation = measure(worker)
        check(isolation, max(self._require, self._isolation.level if self._isolation else 0))
        self._isolation = isolation
        return isolation

    def run(self, tasks: Sequence[Task], finish: Callable[[Task, object], None]) -> None:
        """Do what tasks ask for, and call `finish` with each of them and its result.

        Where processes die, what has no answer is done again with fresh ones, one task at a time.
        """
        answered = 0
        with contextlib.suppress(ClerkLostError, WorkerError, SandboxError):
            for answer in self._ready_clerk(tasks).ask(tasks) if len(tasks) > 1 else ():
                if answer.fault:
                    break
                finish(tasks[answered], self._result(tasks[answered], answer))
                answered += 1
        if len(tasks) > 1 and answered < len(tasks):
            self.close()
            self.retries += len(tasks) - answered
        for task in tasks[answered:]:
            finish(task, self._run_alone(task))

    def _run_alone(self, task: Task) -> object:
        """Find one task's result, from a second crew where the first one dies.

        A program with which the clerk is lost, and another one after it, has an answer that cannot be read. That is
        its own doing, unless the workers are gone too.
        """
        reason, lost = "", False
        for again in (False, True):
            self.retries += again
            try:
                (answer,) = self._ready_clerk([task]).ask([task], careful=again)
            except ClerkLostError:
                reason, lost = "all of a crew's processes died", self._has_workers()
            except (WorkerError, SandboxError) as error:
                reason, lost = str(error), False
            else:
                if not answer.fault:
                    return self._result(task, answer)
                reason, lost = answer.fault, False
            self.close()
        return task.unreadable(str(self._isolation)) if lost else task.failed(reason, str(self._isolation))

    def _result(self, task: Task, answer: Answer) -> object:
        return task.unreadable(str(self._isolation)) if answer.unreadable else task.read(answer)

    def _ready_clerk(self, tasks: Sequence[Task]) -> Clerk:
        if self._program is None:
            self.start()
        assert self._program is not None
        if self._referee is None and any(self._wants_referee(task.problem) for task in tasks):
            self._referee = Worker(memory_bytes=self._limits.memory_bytes)
            self._dismiss_clerk()  # the next one gets to know both
        if self._clerk is None:
            workers = [self._program, *([self._referee] if self._referee else [])]
            settings = Settings(self._limits, self._clerk_limits, str(self._isolation))
            self._clerk = Clerk(settings, workers, lambda: self._fell_asleep(self))
        return self._clerk

    def _wants_referee(self, problem: Problem) -> bool:
        known = self._clerk is not None and self._clerk.knows(problem)
        return not known and needs_referee(problem)

    def _has_workers(self) -> bool:
        """Say whether the workers live, and go on living for a moment: who ends them all ends one after the other."""
        return not any(worker.ends_within(_MOMENT) for worker in (self._program, self._referee) if worker is not None)

    def _dismiss_clerk(self) -> None:
        if self._clerk is not None:
            self._clerk.close()
        self._clerk = None

    def close(self) -> None:
        """End all processes."""
        self._dismiss_clerk()
        for worker in (self._program, self._referee):
            if worker is not None:
                worker.close()
        self._program = self._referee = None

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def needs_referee(problem: Problem) -> bool:
    """Say whether some test of a problem is run by a referee, or its checker is."""
    return is_source(problem.checker) or any(
        isinstance(test, AssertTest) and step_of(test, problem).kind == "assert" for test in problem.tests
    )
