"""Let two processes call each other's functions: the referee, with the tests, and the program, as a server.

Plain data is copied. Other objects stay where they are, and the other side knows them as `Remote`. A list, set or dict
that a call receives and changes is changed here too, as if both sides shared it. The other end is not trusted.
`Peer.may` says which of one's own objects it may touch.
"""

from __future__ import annotations

import _thread
import contextlib
import itertools
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType
from typing import Any

from engine.sandbox.channel import Channel, Lost
from engine.sandbox.remote import Remote, RemoteAsyncIterator, RemoteCoroutine
from engine.sandbox.values import Opaque, decode, encode, fill, kind_name

_MOST_AHEAD = 1024
"""Number of items that an iterator requests at a time, once many have been taken."""


class Peer(ABC):
    """One end of the exchange."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = _thread.RLock()
        self._kept: list[object] = []
        self._numbers: dict[int, int] = {}
        self._remotes: dict[int, object] = {}
        self._waiting: list[tuple[Any, Any]] = []
        self.patient = False
        """Whether changes of arguments wait for `settle` if the call has a result."""
        self.quiet = False
        self.last: object = None

    # What the two ends of the exchange do differently

    def header(self) -> dict[str, object]:
        """Return the additional fields of every request."""
        return {}

    def may(self, do: str, target: object, name: str) -> bool:  # noqa: ARG002
        """Say whether the other end may do this with an object of this end."""
        return True

    def sends_builtin(self, name: str) -> bool:  # noqa: ARG002
        """Say whether the other end may have its own builtin of that name."""
        return True

    def takes_builtin(self, name: str) -> bool:  # noqa: ARG002
        """Say whether the other end may mean the builtin of that name here."""
        return True

    @abstractmethod
    def describe(self, error: BaseException) -> dict[str, Any]:
        """Describe an exception for the other end."""

    @abstractmethod
    def exception(self, failure: dict[str, Any]) -> BaseException:
        """Make the exception to raise here for one that the other end described."""

    # Asking

    def ask(self, do: str, on: object, /, *arguments: object, **keywords: object) -> Any:
        """Return the other end's answer. Raises what it raised, and `Lost` if it is gone."""
        with self._lock:
            crossing = _Crossing(self)
            request = {**self.header(), "do": do, "on": on}
            request |= {"args": encode(arguments, crossing), "kw": encode(keywords, crossing)}
            self._channel.send(request)
            while "do" in (answer := self._channel.receive()):
                self._channel.send(self.answer(answer))
            self.heard(answer)
            crossing.returns = True
            changes = crossing.read_changes(answer.get("changed"))
            if isinstance(answer.get("error"), dict):
                _settle(changes)
                raise self.exception(answer["error"])
            value = decode(answer.get("value"), crossing)
            if self.patient and value is not None:
                self._waiting += changes
            else:
                _settle(changes)
            if do == "call":
                self.last = value
            return value

    @abstractmethod
    def heard(self, answer: dict[str, Any]) -> None:
        """Take note of an answer. Every answer goes through here."""

    def settle(self) -> None:
        """Apply the changes that have waited."""
        if self._waiting:
            changes, self._waiting = self._waiting, []
            _settle(changes)

    # Answering

    def answer(self, request: dict[str, Any]) -> dict[str, object]:
        """Carry out a request and send its result."""
        crossing = _Crossing(self)
        try:
            arguments: Any = decode(request.get("args"), crossing)
            keywords: Any = decode(request.get("kw"), crossing)
            crossing.remember()
            value = self._do(str(request.get("do")), request.get("on"), arguments, keywords)
            changes = crossing.changes()
            crossing.copies = bool(changes)
            return {"value": encode(value, crossing), **changes}
        except Lost:
            raise
        except BaseException as error:
            return {"error": self.describe(error), **crossing.changes()}

    def _do(self, do: str, on: object, arguments: Any, keywords: Any) -> object:
        target = self.target(on)
        name = str(arguments[0]) if arguments and do in ("get", "set") else ""
        if do not in _OPERATIONS or not self.may(do, target, name):
            raise TypeError(f"a program cannot {do} a {kind_name(target)} of the test")
        if do == "next":
            return _next(target, arguments[0], self.describe)
        return _OPERATIONS[do](target, *arguments, **keywords)

    def target(self, on: object) -> object:
        """Return the object of this end that a request is about."""
        if not isinstance(on, int) or not 0 <= on < len(self._kept):
            raise LookupError("no such object")
        return self._kept[on]

    def keep(self, value: object) -> dict[str, object]:
        """Keep an object for the other end, always under the same number."""
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
        steps = next((name for kind, name in _STEPPED.items() if type(value) is kind), hasattr(type(value), "__next__"))
        return {"t": "object", "v": kind_name(value), "h": number, "i": steps}

    def remote(self, number: int, data: dict[str, Any]) -> object:
        """Return the only stand-in here for the other end's object of that number."""
        if number not in self._remotes:
            kind = str(data.get("v"))[:200]
            stand_in = _STAND_INS.get(str(data.get("i")), Remote)
            self._remotes[number] = stand_in(self, kind, number)
        return self._remotes[number]


def _call(target: Any, /, *arguments: object, **keywords: object) -> object:
    return target(*arguments, **keywords)


def _next(target: Any, count: int, describe: Any) -> object:
    """Take at most `count` items of an iterator. Also returns whether it ended, and what it raised."""
    items: list[object] = []
    try:
        while len(items) < min(count, _MOST_AHEAD):
            items.append(next(target))
    except StopIteration:
        return items, True, None
    except BaseException as error:
        return items, True, describe(error)
    return items, False, None


def _await(target: Any) -> object:
    """Run a coroutine to its end, in the only loop of this process."""
    import asyncio

    if not _runners:
        _runners.append(asyncio.Runner())
    return _runners[0].run(target)


def _anext(target: Any) -> tuple[bool, object]:
    """Say whether an asynchronous generator has ended, else return its next item."""

    async def step() -> tuple[bool, object]:
        try:
            return False, await anext(target)
        except StopAsyncIteration:
            return True, None

    outcome: Any = _await(step())
    return bool(outcome[0]), outcome[1]


_runners: list[Any] = []
_STEPPED: dict[type, str] = {CoroutineType: "coroutine", AsyncGeneratorType: "asynchronous"}
_OPERATIONS: dict[str, Any] = {
    "await": _await,
    "anext": _anext,
    "call": _call,
    "get": getattr,
    "set": setattr,
    "len": len,
    "str": str,
    "repr": repr,
    "truth": bool,
    "iter": iter,
    "item": lambda target, key: target[key],
    "put": lambda target, key, value: target.__setitem__(key, value),
    "drop": lambda target, key: target.__delitem__(key),
    "isinstance": lambda target, value: isinstance(value, target),
    "enter": lambda target: type(target).__enter__(target),
    "exit": lambda target: type(target).__exit__(target, None, None, None),
    "next": _next,
}


class RemoteIterator(Remote):
    """An iterator that stays in the other process. The more items are taken, the more it requests at a time."""

    _peer: Peer
    _items: Iterator[object]

    def __init__(self, peer: Peer, kind: str, number: int) -> None:
        super().__init__(peer, kind, number)
        object.__setattr__(self, "_items", self._pull())

    def __iter__(self) -> Iterator[object]:
        return self

    def __next__(self) -> object:
        return next(self._items)

    def _pull(self) -> Iterator[object]:
        ahead, ended, failure = 1, False, None
        while not ended:
            items, ended, failure = self._ask("next", ahead)
            yield from items
            ahead = min(2 * ahead, _MOST_AHEAD)
        if isinstance(failure, dict):
            raise self._peer.exception(failure)


_STAND_INS: dict[str, type[Remote]] = {
    "True": RemoteIterator,
    "coroutine": RemoteCoroutine,
    "asynchronous": RemoteAsyncIterator,
}


class _Crossing:
    """The containers among the arguments of one call, numbered alike on both sides."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._containers: list[Any] = []
        self._ids: dict[int, int] = {}
        self._before: list[list[object]] = []
        self.returns = False
        """Whether arguments have crossed, and it is the result's turn."""
        self.copies = False
        """Whether containers cross as copies although both sides have them."""

    # As sender

    def keep(self, value: object) -> dict[str, object]:
        if isinstance(value, Remote):
            return {"t": "object", "v": value.kind, "own": value.number}
        return self._peer.keep(value)

    def sends_builtin(self, name: str) -> bool:
        return self._peer.sends_builtin(name)

    def number_of(self, container: object) -> int | None:
        if self.copies:
            return None
        number = self._ids.get(id(container))
        if number is None:
            self.made(container)
        return number

    # As receiver

    def takes_builtin(self, name: str) -> bool:
        return self._peer.takes_builtin(name)

    def made(self, container: object) -> None:
        if not self.returns:
            self._ids[id(container)] = len(self._containers)
            self._containers.append(container)

    def shared(self, number: int) -> object:
        if not 0 <= number < len(self._containers):
            raise LookupError("no such container")
        return self._containers[number]

    def known(self, data: dict[str, Any]) -> object:
        own, number = data.get("own"), data.get("h")
        if own is not None:
            return self._peer.target(own)
        return self._peer.remote(number, data) if isinstance(number, int) else Opaque(str(data.get("v"))[:200])

    # Changes

    def remember(self) -> None:
        """Remember the content of the containers before the call."""
        self._before = [_items(container) for container in self._containers]
        self.returns = True

    def changes(self) -> dict[str, object]:
        """Return the containers whose content has changed."""
        changed = []
        for number, (container, before) in enumerate(zip(self._containers, self._before, strict=False)):
            now = _items(container)
            if len(now) != len(before) or not all(map(operator.is_, now, before)):
                changed.append([number, [encode(item, self) for item in now]])
        return {"changed": changed} if changed else {}

    def read_changes(self, changes: object) -> list[tuple[Any, Any]]:
        """Read the containers to change, with their new content."""
        found = []
        for change in changes if isinstance(changes, list) else []:
            if isinstance(change, list) and len(change) == 2 and type(change[0]) is int:
                with contextlib.suppress(LookupError):
                    found.append((self.shared(change[0]), decode(change[1], self)))
        return found


def _items(container: Any) -> list[object]:
    """Return a container's items, which are keys and values in turn for a dict."""
    if isinstance(container, dict):
        return list(itertools.chain.from_iterable(dict.items(container)))
    return list(container)


def _settle(changes: list[tuple[Any, Any]]) -> None:
    for container, items in changes:
        with contextlib.suppress(TypeError, ValueError):  # a program that makes up changes changes nothing
            pairs = list(zip(items[::2], items[1::2], strict=True)) if isinstance(container, dict) else items
            fill(container, pairs)
