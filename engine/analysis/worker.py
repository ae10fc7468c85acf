"""The process that reads hostile text: pylint, then libcst, one program at a time, findings sent as they come.

It has limits on memory and on wall-clock time for each program, and dies of them: whatever it had already sent
stands, its parent starts another. What this module does not do: execute or import the analysed code.
"""

from __future__ import annotations

import codecs
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import msgspec

from engine.analysis.facts import ProblemFacts
from engine.analysis.source import UnreadableError, parsable_part, readable_source
from engine.framing import receive, send
from engine.records import Diagnostic, Similarity
from engine.text import ProgramText


@dataclass(frozen=True, slots=True)
class Limits:
    """What analysing one program may take."""

    seconds: float = 2.0
    """Wall-clock time for each of the two tools."""
    memory_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Request:
    """One program to read."""

    program: bytes
    facts: ProblemFacts = field(default_factory=ProblemFacts)
    references: tuple[bytes, ...] = ()
    """Programs to compare it with; it is read for findings only where there are none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Findings of one tool; the `last` answer ends a request."""

    diagnostics: tuple[Diagnostic, ...] = ()
    similarity: Similarity | None = None
    last: bool = False
    resident_bytes: int = 0


def main() -> None:
    """Answer requests from standard input until it ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the tools print is no answer
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the alarm kills: nothing else stops a loop in C
    limits = msgspec.msgpack.decode(receive(requests) or b"", type=Limits)
    tools = _warm_tools()
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    send(answers, Answer(last=True, resident_bytes=_resident_bytes()))
    while (data := receive(requests)) is not None:
        request = msgspec.msgpack.decode(data, type=Request)
        if request.references:
            signal.setitimer(signal.ITIMER_REAL, limits.seconds)
            send(answers, Answer(similarity=_similarity(request)))
            signal.setitimer(signal.ITIMER_REAL, 0)
        for tool in () if request.references else tools:  # the alarm covers reading and parsing too
            signal.setitimer(signal.ITIMER_REAL, limits.seconds)
            found = _findings(tool, request)
            signal.setitimer(signal.ITIMER_REAL, 0)
            send(answers, Answer(found))
        send(answers, Answer(last=True, resident_bytes=_resident_bytes()))


CERTAIN_IN_A_PART = frozenset({"E1101", "E1120", "E1121", "E1123", "E1124", "E1136", "E1111", "E1128", "call-arity"})
"""What can be said of a program with a part cut out: nothing about names, paths or what is missing."""

Tool = Callable[[str, ProgramText, ProblemFacts], Sequence[Diagnostic]]


def _warm_tools() -> tuple[Tool, ...]:
    """Both tools, loaded and used once; from then on the analysed code finds only the standard library."""
    from engine.analysis import similarity
    from engine.analysis.checks import structural_findings
    from engine.analysis.linter import Linter

    similarity.similarity(b"x = 1\n", [b"x = 1\n"])
    linter = Linter()

    def pylint_findings(source: str, text: ProgramText, facts: ProblemFacts) -> Sequence[Diagnostic]:
        return linter.check(source, text, facts.prelude)

    warm = "import collections, itertools, math, heapq, re, sys\nfor x in range(3):\n    print(x, len('a'), sys.argv)\n"
    tools: tuple[Tool, ...] = (pylint_findings, structural_findings)
    for tool in tools:
        tool(warm, ProgramText(warm.encode()), ProblemFacts())
    gc.collect()
    gc.freeze()  # what the tools keep for ever need not be looked through again and again
    gc.set_threshold(50_000, 20, 50)
    sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry and "dist-packages" not in entry]
    return tools


def _findings(tool: Tool, request: Request) -> tuple[Diagnostic, ...]:
    """A tool that fails has no findings: its failure says nothing about the program."""
    try:
        source, part, text = _prepared(request.program)
        if part == source:
            return _placed(tool(source, text, request.facts), request.program)
        found = tool(part, text, ProblemFacts(prelude=request.facts.prelude))
        return _placed([item for item in found if item.code in CERTAIN_IN_A_PART], request.program)
    except UnreadableError:
        return ()
    except (Exception, RecursionError, MemoryError, SystemExit):
        return ()


def _similarity(request: Request) -> Similarity:
    """Nothing alike where the program is too much to be read."""
    from engine.analysis.similarity import similarity  # loaded by `_warm_tools`

    try:
        readable_source(request.program)  # refuses what is too long
        return similarity(request.program, request.references)
    except (UnreadableError, RecursionError, MemoryError):
        return Similarity()


@lru_cache(maxsize=1)
def _prepared(program: bytes) -> tuple[str, str, ProgramText]:
    """The program as text, the part of it that parses, and as it was written: the same for both tools."""
    source, text = readable_source(program)
    return source, parsable_part(source), text


def _placed(found: Sequence[Diagnostic], program: bytes) -> tuple[Diagnostic, ...]:
    """The findings with places in the program as it was written: the tools read it without its byte order mark."""
    if not program.startswith(codecs.BOM_UTF8):
        return tuple(found)
    text, mark = ProgramText(program), len(codecs.BOM_UTF8)
    return tuple(
        replace(item, span=item.span and text.span(item.span.start_byte + mark, item.span.end_byte + mark))
        for item in found
    )


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  read after every program
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
