"""The referee runs assert tests with stand-ins for the program's functions.

It holds the tests and what they expect, so it never runs a line of the program. A stand-in sends name and arguments to
the process that does, and returns plain data rebuilt here. An object of the program's own class stays there
(`engine.sandbox.remote`). What a test passes and cannot be copied stays here in the same way. The program may call its
functions, step through its iterators, and use objects of the classes that the test itself defines. The tests are not
trusted either, so the referee is confined as programs are. The program never sees them.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from engine.sandbox.channel import Channel, Lost
from engine.sandbox.checks import decide, load_check
from engine.sandbox.failures import arguments_of, describe, made_exception, members_of, nearest_builtin
from engine.sandbox.peer import Peer
from engine.sandbox.recorder import Recorder
from engine.sandbox.remote import Remote
from engine.sandbox.values import PURE_BUILTINS, is_iterator, kind_name
from engine.sandbox.wire import CHANNEL, Task

_SHOWN = 500
_FRAMES = 40
_TESTS = "tests"
"""Name of a test's module, which its classes bear."""
_HARMLESS = {("types", "SimpleNamespace"), ("re", "Pattern"), ("re", "Match"), ("_io", "StringIO"), ("_io", "BytesIO")}
"""Types whose attributes reveal nothing of the test."""


class _ProgramFailure(BaseException):
    """An exception of the program whose type has no builtin of that name."""


def referee(task: Task, recorder: Recorder) -> None:
    """Run each test of `task`, and record whether it raised and whose fault that was."""
    channel = Channel(CHANNEL)
    for index, source in enumerate(task.tests):
        recorder.begin(index)
        client = _Client(channel, index)
        if not recorder.run(lambda client=client, source=source: _run_test(client, task, source)):  # type: ignore[misc]
            return
        if client.lost:
            return


def _run_test(client: _Client, task: Task, source: str) -> dict[str, object]:
    record: dict[str, object] = {"passed": False}
    looked_up: set[str] = set()
    try:
        setup, test = (compile(text, "<test>", "exec", dont_inherit=True) for text in (task.setup, source))
        namespace: dict[str, Any] = {"__name__": _TESTS, "__settle__": client.settle}
        if task.source:
            namespace["__checked__"] = _checked(task.source.decode())
        exec(task.prelude, namespace)  # noqa: S102
        given = _classes(namespace)
        for name in (_names(setup) | _names(test)) - (namespace.keys() - given.keys()) - set(dir(builtins)):
            library = name in sys.stdlib_module_names and name != task.entry_point
            namespace[name] = __import__(name) if library else Remote(client, "function", None, name)
        if task.entry_point:
            namespace[task.entry_point] = Remote(client, "function", None, task.entry_point)
        exec(setup, namespace)  # noqa: S102
        looked_up = _look_up(client, namespace, task.entry_point)
        client.patient = True
        exec(test, namespace)  # noqa: S102
        record["passed"] = not client.lost
    except BaseException as error:
        if client.lost:
            pass
        elif (failure := client.failure(error)) is not None:
            record["error"] = failure
        else:
            record["wrong"] = describe(error)
            record["alone"] = not client.asked and looked_up.isdisjoint(_loaded(task.setup + "\n" + source))
    client.quiet = True
    record["actual"] = _shown(client.last)
    record["unsent"] = client.unsent
    record["lost"] = client.lost
    return record


def _checked(checker: str) -> Callable[..., bool]:
    """Return what decides in place of `function(*given, **named) == expected()` where it is the program's function."""
    check = load_check(checker)

    def decided(function: Any, given: list[object], named: dict[str, object], expected: Callable[[], object]) -> bool:
        actual = function(*given, **named)
        wanted = expected()
        if not isinstance(function, Remote):
            return bool(actual == wanted)
        return decide(check, [*given, *named.values()], wanted, actual)

    return decided


def _classes(namespace: dict[str, Any]) -> dict[str, type]:
    """Return the classes that a test has defined."""
    found = {name: value for name, value in namespace.items() if isinstance(value, type)}
    return {name: kind for name, kind in found.items() if kind.__module__ == _TESTS}


def _holds_data_only(kind: type) -> bool:
    """Say whether a class has constructors and the like, and no methods that could know answers."""
    methods = [name for name, value in vars(kind).items() if hasattr(value, "__get__")]
    return all(name.startswith("__") for name in methods)


def _look_up(client: _Client, namespace: dict[str, Any], entry_point: str) -> set[str]:
    """Replace stand-ins for the program's constants by their values, and give it the classes of the set-up.

    Returns:
        The names that it was asked for.
    """
    asked = [name for name, value in namespace.items() if isinstance(value, Remote) and name != entry_point]
    given = {name: kind for name, kind in _classes(namespace).items() if _holds_data_only(kind)}
    if asked or given:
        found = client.ask("names", None, given, asked)
        if isinstance(found, dict):
            namespace.update((name, value) for name, value in found.items() if name in asked)
    return set(asked)


def _loaded(source: str) -> set[str]:
    """Return the names that `source` reads, except those that it imports."""
    nodes = list(ast.walk(ast.parse(source)))
    read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    imported = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    return read - {alias.asname or alias.name.split(".")[0] for alias in imported}


def _names(code: CodeType) -> set[str]:
    """Return the names that `code` and its definitions use, attributes included."""
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


class _Client(Peer):
    """The referee's end, during one test."""

    def __init__(self, channel: Channel, index: int) -> None:
        super().__init__(channel)
        self._index = index
        self._failures: list[tuple[BaseException, dict[str, Any]]] = []
        self.asked = False
        """Whether anything but the values of names has been requested."""
        self.lost = False
        self._exceptions: dict[int, type[Exception]] = {}
        self.unsent = ""

    def ask(self, do: str, on: object, /, *arguments: object, **keywords: object) -> Any:
        if self.lost:
            raise Lost
        self.asked |= do != "names"
        try:
            return super().ask(do, on, *arguments, **keywords)
        except Lost:
            self.lost = True
            raise

    def header(self) -> dict[str, object]:
        return {"test": self._index}

    def heard(self, answer: dict[str, Any]) -> None:
        printed = answer.get("out")
        if isinstance(printed, str) and sys.stdout is not sys.__stdout__:  # the test looks at what is printed
            sys.stdout.write(printed)

    def answer(self, request: dict[str, Any]) -> dict[str, object]:
        """Answer as `Peer.answer` does. What the program asked for is no fault of the test's."""
        unsent = self.unsent
        try:
            return super().answer(request)
        finally:
            self.unsent = unsent

    def takes_builtin(self, name: str) -> bool:
        """Take no builtin with which the test would run the program's text here (`decode(encode(x))`)."""
        return name in PURE_BUILTINS

    def keep(self, value: object) -> dict[str, object]:
        """Keep an object as `Peer.keep` does, and remember those that are useless to the program."""
        if not (callable(value) or is_iterator(value) or _is_open(value)):
            self.unsent = kind_name(value)
        return super().keep(value)

    def may(self, do: str, target: object, name: str) -> bool:
        if do == "call":
            return True
        if do == "next":
            return is_iterator(target)
        return _is_open(target) and not name.startswith("_")

    def describe(self, error: BaseException) -> dict[str, Any]:
        return {**describe(error), "args": arguments_of(error), "members": members_of(error)}

    def exception(self, failure: dict[str, Any]) -> BaseException:
        kinds = failure.get("kinds")
        own = [self._exceptions[kind] for kind in kinds if kind in self._exceptions] if isinstance(kinds, list) else []
        kind = own[0] if own else nearest_builtin(failure.get("bases"))
        if kind is not None and issubclass(kind, StopIteration | StopAsyncIteration):
            kind = (
                RuntimeError  # raised into `all(map(f, ...))` it would end the test's loop, and nothing would be tested
            )
        error = made_exception(kind, failure) if kind else _ProgramFailure(str(failure.get("type"))[:_SHOWN])
        self._failures.append((error, failure))
        return error

    def remote(self, number: int, data: dict[str, Any]) -> object:
        """Return a stand-in as `Peer.remote` does. An exception class becomes a class that `except` can name."""
        base = nearest_builtin(data.get("bases"))
        if base is None:
            return super().remote(number, data)
        if number not in self._exceptions:
            self._exceptions[number] = type(str(data.get("v"))[:200], (base,), {"__module__": "program"})
        return self._exceptions[number]

    def failure(self, error: BaseException) -> dict[str, Any] | None:
        """Return the program's report of `error`, if the program raised it."""
        return next((_cut(failure) for own, failure in self._failures if own is error), None)


def _cut(failure: dict[str, Any]) -> dict[str, Any]:
    """Cut a program's report to what a record holds."""
    cut: dict[str, Any] = {name: str(failure.get(name))[:_SHOWN] for name in ("type", "message")}
    cut |= {name: failure.get(name) is True for name in ("memory", "exit")}
    bases, frames = failure.get("bases"), failure.get("frames")
    cut["bases"] = [str(base)[:_SHOWN] for base in bases[:_FRAMES]] if isinstance(bases, list) else []
    places = [frame for frame in frames if isinstance(frame, list | tuple)] if isinstance(frames, list) else []
    return {**cut, "frames": [_place(*frame) for frame in places[-_FRAMES:] if len(frame) == 5]}


def _place(function: object, *numbers: object) -> list[object]:
    return [str(function)[:_SHOWN], *(number if _is_number(number) else None for number in numbers)]


def _is_number(value: object) -> bool:
    return type(value) is int and abs(value) < 1 << 40


def _is_open(value: object) -> bool:
    """Say whether the program may use attributes of `value`, such as those of the test's own classes."""
    kind = type(value)
    return kind.__module__ == _TESTS or (kind.__module__, kind.__qualname__) in _HARMLESS
