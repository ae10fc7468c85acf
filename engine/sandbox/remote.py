"""Stand-ins for objects that stay in the other process, which forward calls, attributes and items.

Comparisons, arithmetic and hashes are never forwarded. A stand-in equals nothing but itself. An object of a program
therefore cannot claim to be the answer, and the value that a test compares it with is never sent.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Iterator
from typing import Any, Protocol

from engine.sandbox.values import Opaque

_TOLD = ("__name__", "__qualname__")
"""Attributes with underscores that may be requested."""


class Asking(Protocol):
    """The connection to the other process."""

    quiet: bool
    """Whether to show stand-ins without asking."""

    def ask(self, do: str, on: object, /, *arguments: object, **keywords: object) -> Any:
        """Return the other process's answer. Raises what it raised."""


class Remote(Opaque):
    """A function or an object that stays in the other process."""

    number: int | None
    _peer: Asking

    def __init__(self, peer: Asking, kind: str, number: int | None, name: str | None = None) -> None:
        fields = {"kind": kind, "number": number, "_peer": peer, "_on": number if name is None else name}
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    def _ask(self, do: str, *arguments: object) -> Any:
        return self._peer.ask(do, object.__getattribute__(self, "_on"), *arguments)

    def __call__(self, /, *arguments: object, **keywords: object) -> object:
        return self._peer.ask("call", object.__getattribute__(self, "_on"), *arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _TOLD:
            raise AttributeError(name)
        return self._ask("get", name)

    def __setattr__(self, name: str, value: object) -> None:
        self._ask("set", name, value)

    def __len__(self) -> int:
        return self._number("len")

    def _number(self, do: str) -> int:
        value = self._ask(do)
        if type(value) not in (int, bool):
            raise TypeError(f"{do} of <{self.kind}> is no number")
        return int(value)

    def __bool__(self) -> bool:
        return bool(self._number("truth"))

    def __str__(self) -> str:
        return self._text("str")

    def __repr__(self) -> str:
        return self._text("repr")

    def _text(self, do: str) -> str:
        if self._peer.quiet:
            return f"<{self.kind}>"
        value = self._ask(do)
        if type(value) is not str:
            raise TypeError(f"{do} of <{self.kind}> is no text")
        return value

    def __iter__(self) -> Iterator[object]:
        return iter(self._ask("iter"))

    def __getitem__(self, key: object) -> object:
        return self._ask("item", key)

    def __setitem__(self, key: object, value: object) -> None:
        self._ask("put", key, value)

    def __delitem__(self, key: object) -> None:
        self._ask("drop", key)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, Remote) and bool(self._ask("isinstance", value))

    def __enter__(self) -> object:
        return self._ask("enter")

    def __exit__(self, *_: object) -> None:
        self._ask("exit")


class RemoteCoroutine(Remote):
    """A coroutine that stays in the other process. Its first step here runs it to its end there."""

    def send(self, _: object) -> object:
        """Run it, and raise StopIteration with the result, as every coroutine does at its end."""
        raise StopIteration(self._ask("await"))

    def throw(self, error: BaseException, *_: object) -> object:
        """Raise `error`, because nothing here could catch it."""
        raise error

    def close(self) -> None:
        """Do nothing, because nothing runs here."""

    def __await__(self) -> Generator[object, None, object]:
        yield from ()
        return self._ask("await")


Coroutine.register(RemoteCoroutine)


class RemoteAsyncIterator(Remote):
    """An asynchronous generator that stays in the other process."""

    def __aiter__(self) -> RemoteAsyncIterator:
        return self

    async def __anext__(self) -> object:
        ended, item = self._ask("anext")
        if ended:
            raise StopAsyncIteration
        return item
