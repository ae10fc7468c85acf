"""The process that reads hostile texts, one at a time. It has limits on memory and time for each, and dies of them.

It never executes or imports what it reads.
"""

from __future__ import annotations

import ast
import os
import resource
import signal
import sys
import warnings

import msgspec

from engine.framing import receive, send
from training.quality.audit.mutants import mutants_of
from training.quality.audit.reading import Answer, Limits, Request


def main() -> None:
    """Answer requests from standard input until it ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the alarm kills, because nothing else stops a loop in C
    warnings.simplefilter("ignore")
    limits = msgspec.msgpack.decode(receive(requests) or b"", type=Limits)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    send(answers, Answer())
    while (data := receive(requests)) is not None:
        signal.setitimer(signal.ITIMER_REAL, limits.seconds)
        answer = _answer(msgspec.msgpack.decode(data, type=Request))
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(answers, answer)


def _answer(request: Request) -> Answer:
    try:
        if request.name:
            return Answer(calls=tuple(literal_calls(request.text, request.name, request.most)))
        return Answer(mutants=tuple(mutants_of(request.text, request.seed, request.most)))
    except SyntaxError as error:
        return Answer(problem=f"line {error.lineno}: {error.msg}")
    except (Exception, RecursionError, MemoryError) as error:
        return Answer(problem=f"{type(error).__name__}: {error}"[:300])


def literal_calls(text: str, name: str, most: int) -> list[str]:
    """Find the arguments of calls `name(literals)` in order, each once. Not all lines need to be Python."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        start = line.find(f"{name}(")
        if start < 0 or len(found) >= most:
            continue
        arguments = _first_call(line[start:])
        if arguments is not None:
            found.setdefault(arguments)
    return list(found)


def _first_call(line: str) -> str | None:
    """Read the arguments of the call that `line` begins with, if they are literals. Anything may follow it."""
    for end in (index + 1 for index, character in enumerate(line[:2000]) if character == ")"):
        try:
            call = ast.parse(line[:end], mode="eval").body
        except SyntaxError:
            continue
        if not isinstance(call, ast.Call) or call.keywords:
            return None
        try:
            return repr(tuple(ast.literal_eval(argument) for argument in call.args))
        except (ValueError, TypeError):
            return None
    return None
