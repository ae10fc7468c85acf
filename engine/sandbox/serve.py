"""The program as a server: a referee elsewhere calls its functions, over a socket, and gets plain data back.

What this module does not do: see the tests. It gets names and arguments, never an assertion.
"""

from __future__ import annotations

import os
from types import CodeType
from typing import TYPE_CHECKING, Any

from engine.sandbox import program
from engine.sandbox.failures import describe
from engine.sandbox.values import Opaque, decode, encode
from engine.sandbox.wire import CHANNEL, LENGTH, MESSAGE_LIMIT, dump_line, load_line

if TYPE_CHECKING:
    from engine.sandbox.recorder import Recorder
    from engine.sandbox.wire import Task


class Channel:
    """Length-prefixed JSON objects over a descriptor; the other end may be hostile."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, message: dict[str, object]) -> None:
        """Raises OSError where the other end is gone."""
        line = dump_line(message)
        data = LENGTH.pack(len(line)) + line
        while data:
            data = data[os.write(self._descriptor, data) :]

    def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end, an empty one where it cannot be read."""
        header = self._read(LENGTH.size)
        if header is None:
            return None
        (length,) = LENGTH.unpack(header)
        body = self._read(length) if length <= MESSAGE_LIMIT else None
        return None if body is None else load_line(body) or {}

    def _read(self, size: int) -> bytes | None:
        parts = []
        while size:
            try:
                part = os.read(self._descriptor, min(size, 1 << 20))
            except OSError:
                return None
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def serve(task: Task, recorder: Recorder, code: CodeType, prelude: CodeType | None) -> None:
    """Answers calls until the referee is gone; every test gets a fresh module and a record of its own."""
    channel = Channel(CHANNEL)
    message = channel.receive()
    while message:
        session = _Session(task, code, prelude)
        recorder.begin(int(message.get("test") or 0))
        waiting: list[dict[str, Any] | None] = [message]
        if not recorder.run(lambda session=session, waiting=waiting: _answer_all(channel, session, waiting)):  # type: ignore[misc]
            return
        (message,) = waiting


def _answer_all(channel: Channel, session: _Session, waiting: list[dict[str, Any] | None]) -> dict[str, object]:
    """Answers the calls of one test, from the one in `waiting` on; leaves there what comes after them."""
    (message,) = waiting
    index = message.get("test") if message else None
    while message and message.get("test") == index:
        channel.send(session.answer(message))
        message = channel.receive()
    waiting[0] = message
    return {}


class _Session:
    """The program's module during one test, and the objects that the referee knows by number."""

    def __init__(self, task: Task, code: CodeType, prelude: CodeType | None) -> None:
        self._task, self._code, self._prelude = task, code, prelude
        self._namespace: dict[str, Any] | None = None
        self._objects: list[object] = []

    def answer(self, message: dict[str, Any]) -> dict[str, object]:
        try:
            if self._namespace is None:
                self._namespace = program.run_module(self._code, self._prelude)
            return {"value": encode(self._do(message, self._namespace), self._keep)}
        except BaseException as error:
            return {"error": describe(error)}

    def _do(self, message: dict[str, Any], namespace: dict[str, Any]) -> object:
        handle, name = message.get("handle"), str(message.get("name"))
        target = self._objects[handle] if isinstance(handle, int) else None
        operation = message.get("do")
        if operation == "get":
            return getattr(target, name)
        if operation == "set":
            setattr(target, name, self._decode(message.get("value")))
            return None
        function: Any = program.find_function(namespace, name) if target is None else target
        if operation == "find":
            return function
        arguments: Any = self._decode(message.get("args"))
        keywords: Any = self._decode(message.get("kwargs"))
        return function(*arguments, **keywords)

    def _decode(self, data: object) -> object:
        return decode(data, self._object)

    def _object(self, kind: str, handle: int | None) -> object:
        return Opaque(kind) if handle is None or handle < 0 else self._objects[handle]

    def _keep(self, value: object) -> int:
        self._objects.append(value)
        return len(self._objects) - 1
