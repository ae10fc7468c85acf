"""Record the states of a program: after each line, the variables that hold something new, as short texts.

Texts are made of builtin values by the builtin types' own methods, so no code of the program runs for them. Their
number is bounded, and a long text ends in a checksum. `engine.divergence` compares states outside.
"""

from __future__ import annotations

import sys
from collections import deque
from types import FrameType
from typing import Any

from engine.sandbox.failures import PROGRAM_NAME
from engine.sandbox.lines import EnoughSeen

_MOST_STEPS = 3_000
_MOST_PARTS = 200
"""Maximum number of parts of one value that are read."""
_MOST_LOOKS = 300_000
"""Maximum number of parts of all values together."""
_MOST_CHARACTERS = 60
_DEEPEST = 6
RETURNED = "return"
"""The name under which a function's return value is recorded."""


class StateTrace:
    """Collects `[line, function, {variable: text}]` for each line of the program run between `start` and `stop`."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, str, dict[str, str]]] = []
        self._left = _MOST_LOOKS
        self._known: dict[FrameType, tuple[int, dict[str, str]]] = {}

    def start(self) -> None:
        self._steps.clear()
        self._known.clear()
        self._left = _MOST_LOOKS
        sys.settrace(self._called)

    def stop(self) -> dict[str, object]:
        """Stop collecting."""
        sys.settrace(None)
        self._known.clear()
        return {"states": self._steps}

    def _called(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if frame.f_code.co_filename != PROGRAM_NAME:
            return None
        caller = frame.f_back  # gives the parameters their values
        called_here = caller is not None and caller.f_code.co_filename == PROGRAM_NAME
        self._known[frame] = (caller.f_lineno if caller is not None and called_here else frame.f_lineno, {})
        return self._in_program

    def _in_program(self, frame: FrameType, event: str, argument: object) -> Any:
        if event in ("line", "return") and frame in self._known:
            line, before = self._known[frame]
            now = self._texts(frame.f_locals)
            changed = {name: text for name, text in now.items() if before.get(name) != text}
            if event == "return":
                del self._known[frame]
                if (text := self._text(argument)) is not None:
                    changed[RETURNED] = text
            else:
                self._known[frame] = (frame.f_lineno, now)
            self._steps.append((line, frame.f_code.co_qualname[:100], changed))
            if len(self._steps) >= _MOST_STEPS or self._left < 0:
                raise EnoughSeen
        return self._in_program

    def _texts(self, variables: Any) -> dict[str, str]:
        """Write exact builtin values by name. Other variables (functions, modules, objects) are left out."""
        texts = {}
        for name, value in list(variables.items()):
            if type(name) is str and not name.startswith("__") and (text := self._text(value)) is not None:
                texts[name[:100]] = text
        return texts

    def _text(self, value: object) -> str | None:
        room = [_MOST_PARTS]
        text = _text_of(value, room)
        self._left -= 1 + _MOST_PARTS - room[0]
        if text == _UNKNOWN or len(text) <= _MOST_CHARACTERS:
            return None if text == _UNKNOWN else text
        return f"{text[:_MOST_CHARACTERS]}... {hash(text):016x}"


_UNKNOWN = "?"
_BRACKETS: dict[Any, str] = {list: "[]", tuple: "()", dict: "{}", set: "{}", frozenset: "{}", deque: "[]"}


def _text_of(value: Any, room: list[int], depth: int = _DEEPEST) -> str:
    """Write a builtin value, or `?` for any other. `room` counts down the parts that may be read."""
    room[0] -= 1
    kind = type(value)
    if kind is int:
        bits = value.bit_length()
        return repr(value) if bits <= 256 else f"int of {bits} bits {value % 999_999_937}"
    if value is None or kind in (bool, float, complex, range):
        return repr(value)
    if kind is str or kind is bytes:
        return repr(value[:1000]) + (f" of {len(value)}" if len(value) > 1000 else "")
    base = next((base for base in _BRACKETS if issubclass(kind, base)), None)
    if base is None:
        return _UNKNOWN
    size = base.__len__(value)  # the builtin's own methods: a subclass may have others
    if depth == 0 or size > room[0]:
        return f"{base.__name__} of {size}"
    if base is dict:
        pairs = list(dict.items(value))  # never by key: a key may have an `__eq__` of its own
        texts = [f"{_text_of(key, room, depth - 1)}: {_text_of(item, room, depth - 1)}" for key, item in pairs]
    else:
        texts = [_text_of(item, room, depth - 1) for item in list(base.__iter__(value))]
    if base is set or base is frozenset:
        texts.sort()
    return f"{_BRACKETS[base][0]}{', '.join(texts)}{_BRACKETS[base][1]}"
