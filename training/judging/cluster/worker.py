"""What runs on a node of a Ray cluster: one engine, its workers, and records in and out as MessagePack.

What this module does not do: import Ray (nor torch), choose what it works on, or unpickle anything that a program
said: what it is given comes from the trainer, what it answers is bytes of typed records.
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
"""Problems kept; the engine's reports of one are cached under the object."""


@dataclass(frozen=True, slots=True)
class Start:
    """What became of starting an engine on a node."""

    node: str
    isolation: Isolation | None = None
    refusal: str = ""
    """Why no program may run there."""


class RayWorker:
    """An engine on a node. Ray makes an actor of it; its methods run concurrently in one event loop.

    Args:
        arguments: Of the `Engine`.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._engine: Engine
        self._problems: OrderedDict[int, Problem] = OrderedDict()

    def start(self) -> bytes:
        """Start the engine's workers, which measures how well this node confines programs: a `Start`."""
        node = socket.gethostname()
        try:
            self._engine = Engine(**self._arguments)
        except SandboxError as error:
            return msgspec.msgpack.encode(Start(node, refusal=str(error)))
        return msgspec.msgpack.encode(Start(node, self._engine.isolation))

    async def report(self, program: bytes, number: int, problem: Sequence[Awaitable[Problem]]) -> bytes:
        """Judge and read a program: a `Report`."""
        future = self._engine.submit(program, await self._problem(number, problem))
        return msgspec.msgpack.encode(await asyncio.wrap_future(future))

    async def execute(self, program: bytes, number: int, problem: Sequence[Awaitable[Problem]]) -> bytes:
        """Judge a program: an `Execution`."""
        future = self._engine.judge.submit(program, await self._problem(number, problem))
        return msgspec.msgpack.encode(await asyncio.wrap_future(future))

    async def compare(self, program: bytes, references: tuple[str, ...]) -> bytes:
        """Compare a program with references: a `Similarity`."""
        return msgspec.msgpack.encode(await asyncio.wrap_future(self._engine.compare(program, references)))

    async def _problem(self, number: int, problem: Sequence[Awaitable[Problem]]) -> Problem:
        """The trainer's problem of that number, always the same object, fetched once."""
        if number not in self._problems:
            self._problems.setdefault(number, await problem[0])
            while len(self._problems) > _MOST_PROBLEMS:
                self._problems.popitem(last=False)
        self._problems.move_to_end(number)
        return self._problems[number]
