"""The bench of audits and amplifications: sandboxed judges, reading processes, and threads that keep them busy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import TypeVar

from engine import Execution, Judge, Limits, Problem, Verdict
from training.quality.audit.reading import Reader

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")

_SLOWER, _SHORTEST = 20.0, 0.5
"""A wrong program may take this many times the reference's time, and at least this many CPU seconds."""
_LIMITS = Limits(timeouts=1, wall_factor=8.0)
"""Tests have fractions of a CPU second here, so more on the clock: a short stall is no sleep."""


class Bench:
    """Two judges with different hash seeds, and a reader. Use it as a context manager."""

    def __init__(self, workers: int) -> None:
        """Start `workers` processes of each kind.

        Raises:
            SandboxError: this machine cannot confine programs.
        """
        with ExitStack() as stack:
            self.judges = tuple(stack.enter_context(Judge(workers, _LIMITS, hash_seed=seed)) for seed in (0, 1))
            self.reader = stack.enter_context(Reader(workers))
            self._threads = stack.enter_context(ThreadPoolExecutor(workers + 1, thread_name_prefix="bench"))
            self._stack = stack.pop_all()

    def judge(self, programs: Sequence[str], problem: Problem) -> list[Execution]:
        """Judge all programs on one problem, half of them on each judge, and once more where a judge failed."""
        half = len(programs) // 2
        sources = [program.encode(errors="surrogatepass") for program in programs]
        futures = [self.judges[index >= half].submit(source, problem) for index, source in enumerate(sources)]
        executions = [future.result() for future in futures]
        return [
            self.judges[0].submit(source, problem).result() if found.verdict is Verdict.INFRA else found
            for source, found in zip(sources, executions, strict=True)
        ]

    def repeat(self, program: str, problem: Problem, runs: int) -> list[Execution]:
        """Judge one program several times, with different seeds for hashing and for `random`."""
        source = program.encode(errors="surrogatepass")
        futures = [self.judges[run % 2].submit(source, reseeded(problem, run)) for run in range(max(1, runs))]
        return [future.result() for future in futures]

    def each(self, work: Callable[[_Given], _Found], items: Sequence[_Given]) -> Iterator[_Found]:
        """Yield `work(item)` for all items, in order, several at a time in threads."""
        running = [self._threads.submit(work, item) for item in items]
        try:
            for future in running:
                yield future.result()
        finally:
            for future in running:
                future.cancel()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stack.close()


def reseeded(problem: Problem, seed: int) -> Problem:
    """Copy the problem with another seed for the module `random`. A new object is never served from a cache.

    `seed` 0 leaves the sandbox's own seed.
    """
    line = f"\n__import__('random').seed({seed})\n" if seed else ""
    return replace(problem, prelude=problem.prelude + line)


def hurried(problem: Problem, slowest: float | None) -> Problem:
    """Copy the problem with a time limit that a right program keeps and an endless one soon meets.

    Args:
        problem: Its own time limit, or the judge's, is never exceeded.
        slowest: CPU seconds that a reference needs for a test, or None where none is known to be right.
    """
    if slowest is None:
        return problem
    limit = max(_SHORTEST, _SLOWER * slowest)
    return replace(problem, time_limit=min(limit, problem.time_limit or Limits().cpu_seconds))
