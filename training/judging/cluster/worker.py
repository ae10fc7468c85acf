"""Run one engine on a node of a Ray cluster, with records in and out as MessagePack.

Neither Ray nor torch is imported here. The arguments come from the trainer, and the answers are bytes of typed records,
so nothing that a program said is ever unpickled.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from engine import Engine, Isolation, Problem, SandboxError

_MOST_PROBLEMS = 1024
"""Number of problems kept. The engine caches its reports by problem object."""


@dataclass(frozen=True, slots=True)
class Start:
    """The outcome of starting an engine on a node."""

    node: str
    isolation: Isolation | None = None
    refusal: str = ""
    """Why no program may run there, or an empty text."""


class RayWorker:
    """An engine on a node. Ray makes an actor of it, and its methods run concurrently in one event loop.

    Args:
        arguments: Arguments of the `Engine`.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._engine: Engine
        self._problems: OrderedDict[int, Problem] = OrderedDict()

    def start(self) -> bytes:
        """Start the engine's workers, which measures this node's isolation. Returns a `Start`."""
        node = socket.gethostname()
        try:
            self._engine = Engine(**self._arguments)
        except SandboxError as error:
            return msgspec.msgpack.encode(Start(node, refusal=str(error)))
        return msgspec.msgpack.encode(Start(node, self._engine.isolation))

    async def report(self, program: bytes, number: int, problem: Sequence[Awaitable[Problem]]) -> bytes:
        """Judge and read a program. Returns a `Report`."""
        future = self._engine.submit(program, await self._problem(number, problem))
        return msgspec.msgpack.encode(await asyncio.wrap_future(future))

    async def execute(self, program: bytes, number: int, problem: Sequence[Awaitable[Problem]]) -> bytes:
        """Judge a program. Returns an `Execution`."""
        future = self._engine.judge.submit(program, await self._problem(number, problem))
        return msgspec.msgpack.encode(await asyncio.wrap_future(future))

    async def compare(self, program: bytes, references: tuple[str, ...]) -> bytes:
        """Compare a program with references. Returns a `Similarity`."""
        return msgspec.msgpack.encode(await asyncio.wrap_future(self._engine.compare(program, references)))

    async def _problem(self, number: int, problem: Sequence[Awaitable[Problem]]) -> Problem:
        """Return the trainer's problem of that number, fetched once and always the same object."""
        if number not in self._problems:
            self._problems.setdefault(number, await problem[0])
            while len(self._problems) > _MOST_PROBLEMS:
                self._problems.popitem(last=False)
        self._problems.move_to_end(number)
        return self._problems[number]
