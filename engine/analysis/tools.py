"""The tools that read programs, loaded once: pylint's names, pylint's values, this project's checks, similarity.

They run one by one. Each has findings of its own, so what one of them dies of costs nothing that another has found.
"""

from __future__ import annotations

import codecs
import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import import_module

import msgspec

from engine.analysis.checks import structural_findings
from engine.analysis.facts import ProblemFacts
from engine.analysis.library import Library
from engine.analysis.linter import Linter
from engine.analysis.messages import Answer, Request
from engine.analysis.source import parsable_part, readable_source
from engine.records import Diagnostic, Similarity
from engine.text import ProgramText

with contextlib.suppress(ImportError):  # tree-sitter is not always installed
    from engine.analysis.similarity import similarity

SIMILARITY = "similarity"
CERTAIN_IN_A_PART = frozenset({"E1101", "E1120", "E1121", "E1123", "E1124", "E1136", "E1111", "E1128", "call-arity"})
"""What can be said of a program with a part cut out: nothing about names, paths or what is missing."""

Finder = Callable[[str, ProgramText, ProblemFacts], Sequence[Diagnostic]]


class Tools:
    """All tools, loaded and used once."""

    def __init__(self, named: Sequence[tuple[str, str]] = ()) -> None:
        linter = Linter()
        self._library = Library(linter)
        self._finders: dict[str, Finder] = {
            "names": lambda source, text, facts: linter.names(source, text, facts.prelude),
            "values": lambda source, text, facts: linter.values(source, text, facts.prelude),
            "structure": structural_findings,
            **{name: _imported(folder, name) for folder, name in named},
        }
        self.finders = tuple(self._finders)
        """In the order in which they are asked, the cheap and sure one first: undefined names are found where types
        take too long to follow."""
        # imports nothing that has to be read: that takes longer than all else here, and `_library` does it on demand
        warm = "import sys\nfor x in range(3):\n    print(x, sys.argv)\n"
        for finder in self._finders.values():
            finder(warm, ProgramText(warm.encode()), ProblemFacts())

    def read_library_of(self, program: bytes) -> bool:
        """Read the modules of the standard library that a program imports. Returns whether one of them was new."""
        return self._library.read(program)

    def use(self, tool: str, request: bytes) -> Answer:
        """Use a tool on an encoded request. A tool that fails finds nothing, which is not the program's fault."""
        wanted = msgspec.msgpack.decode(request, type=Request)
        try:
            if tool == SIMILARITY:
                return Answer(similarity=_similarity(wanted))
            return Answer(_findings(self._finders[tool], wanted))
        except (Exception, RecursionError, MemoryError, SystemExit):
            return Answer()


def _imported(folder: str, name: str) -> Finder:
    """Import `package.module:name` from a folder."""
    module, _, attribute = name.partition(":")
    sys.path.insert(0, folder)
    try:
        finder: Finder = getattr(import_module(module), attribute)
    finally:
        sys.path.remove(folder)
    return finder


def _findings(finder: Finder, request: Request) -> tuple[Diagnostic, ...]:
    source, part, text = _prepared(request.program)
    if part == source:
        return _placed(finder(source, text, request.facts), request.program)
    found = finder(part, text, ProblemFacts(prelude=request.facts.prelude))
    return _placed([item for item in found if item.code in CERTAIN_IN_A_PART], request.program)


def _similarity(request: Request) -> Similarity:
    readable_source(request.program)  # refuses what is too long
    return similarity(request.program, request.references)


@lru_cache(maxsize=1)
def _prepared(program: bytes) -> tuple[str, str, ProgramText]:
    """Give the program as text, the part of it that parses, and as it was written, once for all tools."""
    source, text = readable_source(program)
    return source, parsable_part(source), text


def _placed(found: Sequence[Diagnostic], program: bytes) -> tuple[Diagnostic, ...]:
    """Move findings to the program as it was written. The tools read it without its byte order mark."""
    if not program.startswith(codecs.BOM_UTF8):
        return tuple(found)
    text, mark = ProgramText(program), len(codecs.BOM_UTF8)
    return tuple(
        replace(item, span=item.span and text.span(item.span.start_byte + mark, item.span.end_byte + mark))
        for item in found
    )
