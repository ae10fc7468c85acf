"""An engine whose workers are on a Ray cluster. It makes the same reports as a local one, on many machines."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from types import ModuleType
from typing import Any

from engine import Execution, Isolation, Problem, Report, SandboxError, Similarity, Verdict
from engine.extras import needs
from training.errors import ClusterError, ConfigError
from training.judging.cluster.crew import Crew
from training.judging.cluster.worker import Start

_MOST_PROBLEMS = 4096
"""Number of problems kept in the cluster's object store."""
_START_SECONDS = 300.0
"""Seconds that the first workers may take to come up."""


class RayEngine:
    """A `ProgramEngine` on a Ray cluster. It must be closed.

    A program whose worker is lost goes to another one, which costs a retry and no sample. After some tries its verdict
    is `infra`, which gives no reward.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],
        address: str,
        workers: int,
        tell: Callable[[str], None] = lambda _: None,
        sharing: int = 1,
    ) -> None:
        """Start the workers and wait until all of them are up.

        Args:
            arguments: Arguments of each worker's `engine.Engine`. A worker reserves `judge_workers` CPUs of its node.
            address: `auto` (the cluster that this machine belongs to), `local` (one of this machine alone, started
                here) or HOST:PORT. A process that is already connected keeps its connection.
            workers: Number of workers. 0 means as many as the cluster's CPUs hold.
            tell: Receives a line whenever a worker is lost or given up.
            sharing: Number of such engines that share these workers.

        Raises:
            SandboxError: a node confines programs less than `require`, or cannot start an engine.
            ConfigError: Ray is not installed, there is no such cluster, or it has no room.
        """
        self._ray, self._connected = _connect(address)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._problems: OrderedDict[int, tuple[Problem, int, list[Any]]] = OrderedDict()
        self._crew: Crew | None = None
        try:
            count = _count(self._ray, workers, arguments["judge_workers"], sharing)
            self._crew = Crew(self._ray, arguments, count, tell)
            self.isolation: Isolation = _weakest(self._crew.starts)
        except BaseException:
            self.close()
            raise
        self.judge = _Judge(self._execute)

    @property
    def retries(self) -> int:
        """Return the number of programs given to another worker so far because theirs was lost."""
        return self._crew.retries if self._crew else 0

    def submit(self, program: bytes, problem: Problem) -> Future[Report]:
        """Start a report on `program` as an answer to `problem`. Blocks while too many submissions wait.

        Raises:
            ClusterError: the last worker is gone. Futures of earlier submissions raise it too.
        """
        return self._add("report", (program, *self._shared(problem)), Report, partial(_lost_report, program))

    def compare(self, program: bytes, references: tuple[str, ...]) -> Future[Similarity]:
        """Compare a program with the most similar reference. The future raises ClusterError if all tries were lost."""
        return self._add("compare", (program, references), Similarity, ClusterError)

    def close(self) -> None:
        """Finish the submissions, unless no worker is up, and end the workers."""
        if self._crew is not None:
            self._crew.close()
        if self._connected:
            self._ray.shutdown()
            self._connected = False

    def _execute(self, program: bytes, problem: Problem) -> Future[Execution]:
        return self._add("execute", (program, *self._shared(problem)), Execution, _infra)

    def _add(self, *job: Any) -> Future[Any]:  # noqa: ANN401
        assert self._crew is not None
        return self._crew.add(*job)

    def _shared(self, problem: Problem) -> tuple[int, list[Any]]:
        """Return a problem's number and its reference in the object store. Each worker fetches large tests once.

        The reference is in a list, because Ray would fetch a plain argument anew for every call.
        """
        with self._lock:
            key = id(problem)  # the problem is kept, so its id stays its own
            if key not in self._problems:
                self._problems[key] = problem, next(self._numbers), [self._ray.put(problem)]
                while len(self._problems) > _MOST_PROBLEMS:
                    self._problems.popitem(last=False)
            self._problems.move_to_end(key)
            return self._problems[key][1:]


class _Judge:
    """The engine's `ProgramJudge`, for verdicts alone."""

    def __init__(self, execute: Callable[[bytes, Problem], Future[Execution]]) -> None:
        self._execute = execute

    def submit(self, program: bytes, problem: Problem) -> Future[Execution]:
        """Start judging `program` on `problem`. Blocks while too many submissions wait."""
        return self._execute(program, problem)


def _connect(address: str) -> tuple[ModuleType, bool]:
    """Connect to Ray. Returns the module, and whether it was connected here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a run reports to nobody
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # its daemons' messages would run into the run's display
    os.environ.setdefault("RAY_worker_niceness", "0")  # a started cluster's: 15 would let programs run out of time
    try:
        import ray
    except ImportError:
        raise ConfigError(f"feedback.backend 'ray': {needs('ray', 'ray')}") from None
    if ray.is_initialized():
        return ray, False
    handler = signal.getsignal(signal.SIGTERM)
    alone = {"include_dashboard": False} if address == "local" else {}
    host, _, port = address.rpartition(":")
    try:
        if host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **alone)
    except Exception as error:  # Ray raises just that where a machine is too busy to start it
        reason = " ".join(f"{error} {error.__cause__ or error.__context__ or ''}".split())[:400]
        raise ConfigError(
            f"feedback.ray_address {address!r}: {reason}; start a cluster with `ray start --head`, or take 'local'"
        ) from None
    finally:
        if threading.current_thread() is threading.main_thread():  # Ray puts its own in place of it
            signal.signal(signal.SIGTERM, handler)
    return ray, True


def _count(ray: ModuleType, workers: int, needed: int, sharing: int) -> int:
    """Return the number of workers to start."""
    nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    room = sum(int(cpus // needed) for cpus in nodes)
    if not (workers or room) // sharing or workers > room:
        raise ConfigError(
            f"feedback.ray_workers {workers}: the cluster's {len(nodes)} node(s) have room for {room}; each worker"
            f" reserves engine.judge_workers = {needed} CPU(s) of one node, and each of {sharing} process(es) needs one"
        )
    return (workers or room) // sharing


def _weakest(starts: list[Future[Start]]) -> Isolation:
    """Wait until all workers are up and return the weakest isolation among them."""
    done = wait(starts, timeout=_START_SECONDS).done
    if len(done) < len(starts):
        raise ConfigError(
            f"feedback.ray_workers: {len(done)} of {len(starts)} came up in {_START_SECONDS:.0f} s;"
            " if others reserve the cluster's CPUs, give a smaller number"
        )
    found = []
    for start in (future.result() for future in starts):
        if start.isolation is None:
            raise SandboxError(f"feedback.backend 'ray': node {start.node}: {start.refusal}")
        found.append(start.isolation)
    return min(found, key=lambda isolation: isolation.level)


def _infra(reason: str) -> Execution:
    return Execution(Verdict.INFRA, (), None, 0.0, "", infra_reason=reason)


def _lost_report(program: bytes, reason: str) -> Report:
    return Report(program, _infra(reason), ())
