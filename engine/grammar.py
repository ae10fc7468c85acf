"""Say which texts are Python at all: published references may be Python 2, C++, or prose with code in it.

Texts of strangers are compiled in a process that may die of them, and are never run.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import msgspec

from engine.companions import Companions
from engine.framing import receive, send

_AT_ONCE = 200
"""Texts that are sent together."""
_MEMORY = 2 << 30
"""Address space of the process, in bytes."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """Says of each text whether it is Python."""

    python: tuple[bool, ...] = ()


def are_python(texts: Sequence[str], seconds: float = 20.0) -> list[bool]:
    """Say of each text whether this Python compiles it.

    Args:
        texts: Whatever they are.
        seconds: CPU time for a batch of them. A text that alone needs more, or kills its compiler, is not Python.
    """
    found: list[bool] = []
    with closing(Companions("engine.grammar", seconds, _Answer, 1)) as compilers:
        for start in range(0, len(texts), _AT_ONCE):
            batch = [text.encode(errors="surrogatepass") for text in texts[start : start + _AT_ONCE]]
            answer = compilers.ask(batch)
            found += answer.python if answer else (_alone(compilers, text) for text in batch)
    return found


def _alone(compilers: Companions[_Answer], text: bytes) -> bool:
    answer = compilers.ask([text])
    return answer is not None and answer.python[0]


def main() -> None:
    """Answer batches of texts from standard input until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(ValueError, OSError):  # the limit is lower already
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    seconds = msgspec.msgpack.decode(receive(sys.stdin.buffer) or b"", type=float)
    send(answers, _Answer())
    while (data := receive(sys.stdin.buffer)) is not None:
        signal.setitimer(signal.ITIMER_PROF, seconds)  # whose signal ends the process
        send(answers, _Answer(tuple(map(_compiles, msgspec.msgpack.decode(data, type=list[bytes])))))


def _compiles(text: bytes) -> bool:
    try:
        compile(text, "<reference>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True
