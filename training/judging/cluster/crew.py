"""Keep workers on a Ray cluster at work. Jobs go in, answers come out, and lost workers are replaced.

One thread with an event loop does all of it. Every worker has a few jobs at a time and takes the next, in the order of
submission, when one is done. A job whose worker is lost goes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import msgspec

from training.errors import ClusterError
from training.judging.cluster.worker import RayWorker, Start

_TRIES = 3
"""Maximum number of workers that a job is given to, and of starts of a worker that does not come up."""
_PAUSE = 5.0
"""Seconds before a worker that did not come up is started again, the first time."""
_AHEAD = 3
"""Number of jobs that a worker has at a time per judge process, so that none waits for the network."""
_OUTSTANDING = 1024
"""Number of jobs without an answer at which `add` blocks."""


class Crew:
    """A set of workers, each an actor that reserves `judge_workers` CPUs of a node. It must be closed."""

    def __init__(
        self, ray: ModuleType, arguments: Mapping[str, Any], workers: int, tell: Callable[[str], None]
    ) -> None:
        """Begin to start the workers. `starts` says what became of each first one.

        Args:
            ray: The module, connected to the cluster.
            arguments: Arguments of each worker's `engine.Engine`.
            workers: Number of workers.
            tell: Receives a line whenever a worker is lost or given up.
        """
        self.starts: list[Future[Start]] = [Future() for _ in range(workers)]
        self.retries = 0
        """Number of jobs given to another worker so far because theirs was lost."""
        self._ray, self._arguments, self._tell = ray, dict(arguments), tell
        self._room = threading.Semaphore(_OUTSTANDING)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._open: dict[int, _Job] = {}
        self._up = 0
        self._over: Exception | None = None
        self._jobs: asyncio.PriorityQueue[tuple[int, _Job]] = asyncio.PriorityQueue()
        self._loop = asyncio.new_event_loop()
        self._keeping = self._loop.create_task(self._keep_all())
        self._thread = threading.Thread(target=self._run, name="ray-crew", daemon=True)
        self._thread.start()

    def add(
        self,
        method: str,
        arguments: tuple[object, ...],
        answer: Any,  # noqa: ANN401
        lost: Callable[[str], object],
    ) -> Future[Any]:
        """Have a worker run a method. Blocks while too many jobs are outstanding.

        Args:
            method: A method of `RayWorker`.
            arguments: Its arguments.
            answer: The type of its answer.
            lost: Makes the answer, or the exception, from the reason when one worker after the other was lost.

        Raises:
            ClusterError: no worker is left.
            RuntimeError: the crew is closed.
        """
        self._room.acquire()
        with self._lock:
            if self._over is not None:
                self._room.release()
                raise self._over
            job = _Job(next(self._numbers), method, arguments, answer, lost)
            job.future.set_running_or_notify_cancel()
            self._open[job.number] = job
            self._loop.call_soon_threadsafe(self._jobs.put_nowait, (job.number, job))
        return job.future

    def close(self) -> None:
        """Finish the jobs, unless no worker is up, and end the workers."""
        while self._up and self._open:
            with self._lock:
                futures = [job.future for job in self._open.values()]
            wait(futures, timeout=1.0)
        with contextlib.suppress(RuntimeError):  # it may have ended by itself
            self._loop.call_soon_threadsafe(self._keeping.cancel)
        self._thread.join()

    # In the thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._keeping)
        except asyncio.CancelledError:
            over: Exception = RuntimeError("the workers on the cluster are closed")
        except Exception as error:  # somebody waits for the answers
            over = ClusterError(f"feedback.backend 'ray': {_line(error)}")
        with self._lock:
            self._over = over
            left = list(self._open.values())
        self._loop.close()
        for job in left:
            self._finish(job, over)

    async def _keep_all(self) -> None:
        """Keep all workers until cancelled. Raises an error when no worker is left."""
        try:
            async with asyncio.TaskGroup() as group:
                kept = [group.create_task(self._keep(start)) for start in self.starts]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        raise ClusterError(f"no worker is left; the last one: {kept[-1].result()}")

    async def _keep(self, first: Future[Start]) -> str:
        """Keep one worker at work and replace it when it is lost. Returns why none is left in the end."""
        actors = self._ray.remote(num_cpus=self._arguments["judge_workers"], scheduling_strategy="SPREAD")(RayWorker)
        failures, start = 0, Start("unknown")
        while True:
            worker, up = actors.remote(self._arguments), False
            try:
                start = msgspec.msgpack.decode(await worker.start.remote(), type=Start)
                if start.isolation is None:
                    break
                up, failures = True, 0
                self._up += 1
                _settle(first, start)
                await self._feed(worker)
            except (self._ray.exceptions.RayError, msgspec.DecodeError) as error:
                if up:
                    self._tell(f"feedback: the worker on node {start.node} is lost ({type(error).__name__})")
                    continue
                failures += 1
                start = Start("unknown", refusal=_line(error))
                if failures == _TRIES:
                    break
                await asyncio.sleep(_PAUSE * failures)
            finally:
                self._up -= up
                self._ray.kill(worker)  # and what it has started dies with it
        _settle(first, start)
        self._tell(f"feedback: a worker is given up: node {start.node}: {start.refusal}")
        return f"node {start.node}: {start.refusal}"

    async def _feed(self, worker: Any) -> None:  # noqa: ANN401
        """Give a worker jobs until it is lost, which raises. Its unfinished jobs then go to others."""
        lost: list[tuple[_Job, str]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AHEAD * self._arguments["judge_workers"]):
                    group.create_task(self._feed_one_by_one(worker, lost))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            for job, reason in lost:
                self._again(job, reason)

    async def _feed_one_by_one(self, worker: Any, lost: list[tuple[_Job, str]]) -> None:  # noqa: ANN401
        errors = self._ray.exceptions
        while True:
            _, job = await self._jobs.get()
            try:
                data = await getattr(worker, job.method).remote(*job.arguments)
                answer = msgspec.msgpack.decode(data, type=job.answer)
            except (errors.RayTaskError, errors.ObjectLostError, msgspec.DecodeError) as error:
                self._again(job, _line(error))
            except (errors.RayError, asyncio.CancelledError) as error:  # cancelled: another job was told first
                lost.append((job, _line(error) or "its worker was lost"))
                raise
            else:
                self._finish(job, answer)

    def _again(self, job: _Job, reason: str) -> None:
        job.tries += 1
        if job.tries < _TRIES:
            self.retries += 1
            self._jobs.put_nowait((job.number, job))
        else:
            self._finish(job, job.lost(f"{job.tries} workers failed, the last one so: {reason}"))

    def _finish(self, job: _Job, answer: object) -> None:
        if isinstance(answer, BaseException):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)
        with self._lock:
            del self._open[job.number]
        self._room.release()


@dataclass(slots=True, eq=False)
class _Job:
    number: int
    method: str
    arguments: tuple[object, ...]
    answer: Any
    lost: Callable[[str], object]
    tries: int = 0
    future: Future[Any] = field(default_factory=Future)


def _settle(first: Future[Start], start: Start) -> None:
    if not first.done():
        first.set_result(start)


def _line(error: BaseException) -> str:
    """Shorten an error's text to one line, because Ray's have many."""
    return " ".join(str(error).split())[:300]
