"""The referee: runs assert tests with stubs in place of the program's functions.

It holds the tests and what they expect, so it never runs a line of the program: a stub sends name and arguments to
the process that does, and gives back plain data rebuilt here. An object of the program's own class stays there and
is known here as `Remote`, equal to nothing but itself; only its attributes and calls are passed on.

What this module does not do: trust the tests (it is confined as programs are), or tell the program what they say.
"""

from __future__ import annotations

import builtins
import sys
from types import CodeType
from typing import Any

from engine.sandbox.failures import describe
from engine.sandbox.recorder import Recorder
from engine.sandbox.serve import Channel
from engine.sandbox.values import Opaque, decode, encode
from engine.sandbox.wire import CHANNEL, Task

_SHOWN = 500


class _Lost(BaseException):
    """The program's process is gone."""


class _ProgramFailure(BaseException):
    """An exception of the program that has no builtin type of the name."""


def referee(task: Task, recorder: Recorder) -> None:
    """Runs each test of `task` and records whether it raised, and whose fault that was."""
    client = _Client(Channel(CHANNEL))
    for index, source in enumerate(task.tests, task.first):
        recorder.begin(index)
        client.begin(index)
        if not recorder.run(lambda source=source: _run_test(client, task, source)):  # type: ignore[misc]
            return
        if client.lost:
            return


def _run_test(client: _Client, task: Task, source: str) -> dict[str, object]:
    record: dict[str, object] = {"passed": False}
    try:
        setup, test = (compile(text, "<test>", "exec", dont_inherit=True) for text in (task.setup, source))
        namespace: dict[str, Any] = {"__name__": "tests"}
        exec(task.prelude, namespace)  # noqa: S102
        for name in (_names(setup) | _names(test)) - namespace.keys() - set(dir(builtins)):
            library = name in sys.stdlib_module_names and name != task.entry_point
            namespace[name] = __import__(name) if library else Remote(client, name, name=name)
        if task.entry_point:
            namespace[task.entry_point] = Remote(client, task.entry_point, name=task.entry_point)
        exec(setup, namespace)  # noqa: S102
        exec(test, namespace)  # noqa: S102
        record["passed"] = not client.lost
    except BaseException as error:
        if client.lost:
            pass
        elif (failure := client.failure(error)) is not None:
            record["error"] = failure
        else:
            record["wrong"] = describe(error)
    record["actual"] = _shown(client.last)
    record["unsent"] = client.unsent
    record["calls"] = client.calls
    record["lost"] = client.lost
    return record


def _names(code: CodeType) -> set[str]:
    """Names that `code` and what it defines use, attributes included."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _shown(value: object) -> str:
    try:
        return repr(value)[:_SHOWN]
    except (ValueError, RecursionError):  # integers beyond the digit limit
        return f"<{type(value).__name__}>"


class _Client:
    """The referee's side of the channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.lost = False
        self.begin(0)

    def begin(self, index: int) -> None:
        self._index = index
        self._failures: list[tuple[BaseException, dict[str, Any]]] = []
        self.last: object = None
        self.unsent = ""
        self.calls = 0

    def ask(self, **message: object) -> object:
        """What the program answers; raises what it raised."""
        if self.lost:
            raise _Lost
        self.calls += 1
        try:
            self._channel.send({"test": self._index, **message})
            answer = self._channel.receive()
        except OSError:
            answer = None
        if answer is None:
            self.lost = True
            raise _Lost
        failure = answer.get("error")
        if isinstance(failure, dict):
            error = _exception(failure)
            self._failures.append((error, failure))
            raise error
        self.last = decode(answer.get("value"), lambda kind, handle: Remote(self, kind, handle=handle))
        return self.last

    def data(self, value: object) -> object:
        """An argument as data; a `Remote` goes back as its number, and what cannot be sent is noted."""

        def keep(item: object) -> int:
            if isinstance(item, Remote) and item.handle is None:  # a function of the program, by name
                item = self.ask(do="find", name=item._name)
            if not isinstance(item, Opaque):
                self.unsent = type(item).__name__
                return -1
            return -1 if item.handle is None else item.handle

        return encode(value, keep)

    def failure(self, error: BaseException) -> dict[str, Any] | None:
        """The program's report of `error`, if it is the program's."""
        return next((failure for own, failure in self._failures if own is error), None)


def _exception(failure: dict[str, Any]) -> BaseException:
    """An exception of the nearest builtin type to what the program raised, so that tests may expect it."""
    bases = failure.get("bases")
    kinds = [getattr(builtins, str(name), None) for name in bases] if isinstance(bases, list) else []
    kind = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)), None)
    if kind is not None:
        try:
            return kind(str(failure.get("message")))
        except TypeError:
            return kind.__new__(kind)
    return _ProgramFailure(str(failure.get("type")))


class Remote(Opaque):
    """A function or an object that stays in the program's process."""

    def __init__(self, client: _Client, kind: str, handle: int | None = None, name: str | None = None) -> None:
        values = {"kind": kind, "handle": handle, "_client": client, "_name": name}
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def __call__(self, *arguments: object, **keywords: object) -> object:
        sent = {"args": self._client.data(arguments), "kwargs": self._client.data(keywords)}
        return self._client.ask(do="call", handle=self.handle, name=self._name, **sent)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self.handle is None:
            raise AttributeError(name)
        return self._client.ask(do="get", handle=self.handle, name=name)

    def __setattr__(self, name: str, value: object) -> None:
        self._client.ask(do="set", handle=self.handle, name=name, value=self._client.data(value))
