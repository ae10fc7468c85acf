"""Run the program as a server. A referee calls its functions over a socket and receives plain data.

It gets names and arguments, and never an assertion.
"""

from __future__ import annotations

import contextlib
import os
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

from engine.sandbox import program
from engine.sandbox.channel import Channel, Lost
from engine.sandbox.failures import arguments_of, builtin_bases, builtin_exception, describe, members_of
from engine.sandbox.peer import Peer
from engine.sandbox.values import PURE_BUILTINS
from engine.sandbox.wire import CHANNEL, STDOUT

if TYPE_CHECKING:
    from engine.sandbox.recorder import Recorder

_PRINTED = 1 << 16
"""Maximum number of bytes of a call's output that are sent to the test."""


def serve(recorder: Recorder, code: CodeType, prelude: CodeType | None) -> None:
    """Answer calls until the referee is gone. Every test gets a fresh module and a record of its own."""
    channel = Channel(CHANNEL)
    try:
        waiting = [channel.receive()]
    except Lost:
        return
    while waiting:
        recorder.begin(int(waiting[0].get("test") or 0))
        if not recorder.run(lambda: _Session(channel, code, prelude).answer_all(waiting)):
            return


class _Session(Peer):
    """The program's module during one test, and the objects that the referee knows by number."""

    def __init__(self, channel: Channel, code: CodeType, prelude: CodeType | None) -> None:
        super().__init__(channel)
        self._code, self._prelude = code, prelude
        self._namespace: dict[str, Any] | None = None
        self._given: dict[str, object] = {}
        self._printed = os.fstat(STDOUT).st_size

    def heard(self, answer: dict[str, Any]) -> None:
        """Do nothing, because the referee's answers have no other fields."""

    def answer_all(self, waiting: list[dict[str, Any]]) -> dict[str, object]:
        """Answer the requests of one test, from the one in `waiting` on. The next request is left there."""
        (message,) = waiting
        index = message.get("test")
        try:
            while message.get("test") == index:
                self._channel.send({**self.answer(message), **self._output()})
                message = self._channel.receive()
            waiting[:] = [message]
        except Lost:
            waiting.clear()
        return {}

    def target(self, on: object) -> object:
        if not isinstance(on, str):
            return super().target(on)
        return program.find_function(self._module(), on)

    def _do(self, do: str, on: object, arguments: Any, keywords: Any) -> object:
        if do == "names":
            return self._look_up(*arguments)
        return super()._do(do, on, arguments, keywords)

    def _look_up(self, classes: dict[str, object], names: list[str]) -> dict[str, object]:
        """Return the values of those `names` that the program has, after it received the test's classes."""
        self._given = classes
        module = self._module()
        return {name: module[name] for name in names if name in module}

    def _module(self) -> dict[str, Any]:
        if self._namespace is None:
            self._namespace = program.run_module(self._code, self._prelude, given=self._given)
        return self._namespace

    def _output(self) -> dict[str, object]:
        """Return what was printed since the previous answer."""
        with contextlib.suppress(Exception):  # its stream may be closed, or anything
            sys.__stdout__.flush()  # type: ignore[union-attr]
        start, self._printed = self._printed, os.fstat(STDOUT).st_size
        if self._printed <= start:
            return {}
        return {"out": os.pread(STDOUT, min(self._printed - start, _PRINTED), start).decode(errors="replace")}

    def describe(self, error: BaseException) -> dict[str, Any]:
        kinds = [self._numbers[id(kind)] for kind in type(error).__mro__ if id(kind) in self._numbers]
        return {**describe(error), "args": arguments_of(error), "members": members_of(error), "kinds": kinds}

    def sends_builtin(self, name: str) -> bool:
        """Keep builtins that do more than compute (`_Client.takes_builtin`): the test calls them here."""
        return name in PURE_BUILTINS

    def keep(self, value: object) -> dict[str, object]:
        kept = super().keep(value)
        if isinstance(value, type) and issubclass(value, Exception):
            kept |= {"bases": builtin_bases(value), "v": value.__name__}
        return kept

    def exception(self, failure: dict[str, Any]) -> BaseException:
        return builtin_exception(failure) or RuntimeError(str(failure.get("message")))
