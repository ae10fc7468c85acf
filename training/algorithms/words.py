"""Read a program as lines of words, as far as that goes without a parser. Any bytes can be read, in linear time.

Comments are left out. Which words are names that the program binds itself is found by the words around them: what is
assigned to, loop variables, parameters, and what stands after `as`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

_WORD = re.compile(rb"#.*|'[^'\n]*'|\"[^\"\n]*\"|\w+|[-+*/%<>=!&|^~@]+|[^\w\s]")
_NAME = re.compile(rb"[^\W\d]\w*")
_ASSIGNMENT = re.compile(rb"(?:[-+*/%&|^@]|//|\*\*|>>|<<)?=")
_KEYWORDS = frozenset(word.encode() for word in keyword.kwlist)
_BINDING = (b"for", b"as", b"lambda", b"def")
_CONTEXT = 2
"""Words before another one that say where it stands."""


@dataclass(frozen=True)
class Line:
    """A line's words."""

    indent: int
    """Bytes before the first word."""
    words: tuple[bytes, ...]
    places: tuple[tuple[int, int], ...]
    """Byte range of each word in the program, half-open."""
    bound: frozenset[bytes]
    """Names that the line binds."""
    names: tuple[bool, ...]
    """Which words are names that the program binds somewhere."""

    @cached_property
    def form(self) -> tuple[int | bytes, ...]:
        """What stays the same where names are exchanged one for one: numbers stand for names."""
        order: dict[bytes, int] = {}
        pairs = zip(self.words, self.names, strict=True)
        return (self.indent, *(order.setdefault(word, len(order)) if name else word for word, name in pairs))

    def key(self, place: int) -> tuple[int, bytes]:
        """What a word is alike with: any name with any other. A line's first word stands at its indentation."""
        return -1 if place else self.indent, b"" if self.names[place] else self.words[place]

    def contexts(self) -> Iterator[tuple[bytes, ...]]:
        """Give each word behind the words before it in the line."""
        words = (b"\n" if self.indent == 0 else b"\n ", *self.words)
        for place in range(1, len(words)):
            yield words[max(0, place - _CONTEXT) : place + 1]

    def beginnings(self) -> Iterator[int]:
        """Give what identifies the line up to each word and with it, in linear time. Any name is like any other."""
        found = hash(self.indent)
        for word, name in zip(self.words, self.names, strict=True):
            found = hash((found, b"" if name else word))
            yield found


def read(program: bytes) -> tuple[Line, ...]:
    """Give the lines that have words."""
    found: list[tuple[tuple[bytes, ...], tuple[tuple[int, int], ...], int]] = []
    start = 0
    for text in program.splitlines(keepends=True):
        matches = [match for match in _WORD.finditer(text) if match.group()[:1] != b"#"]
        if matches:
            places = tuple((start + match.start(), start + match.end()) for match in matches)
            found.append((tuple(match.group() for match in matches), places, matches[0].start()))
        start += len(text)
    bound = [_bound(words) for words, _, _ in found]
    own = frozenset[bytes]().union(*bound)
    return tuple(
        Line(indent, words, places, binds, tuple(_is_used(words, place, own) for place in range(len(words))))
        for (words, places, indent), binds in zip(found, bound, strict=True)
    )


def _is_used(words: Sequence[bytes], place: int, names: frozenset[bytes]) -> bool:
    """Say whether a word stands for one of the names. An attribute does not."""
    return words[place] in names and not (place and words[place - 1] == b".")


def _bound(words: Sequence[bytes]) -> frozenset[bytes]:
    found: set[bytes] = set()
    opened = b""
    for place, word in enumerate(words):
        if word in _BINDING:
            opened = word
        elif word in (b"in", b":") or (opened == b"as" and not _is_name(word)):
            opened = b""
        elif opened and _is_name(word):
            found |= {word} if words[place - 1] != b"def" else set()
        elif _ASSIGNMENT.fullmatch(word):
            target = words[:place]
            found |= set(filter(_is_name, target)) if not {b"(", b"[", b"."} & set(target) else set()
    return frozenset(found)


def _is_name(word: bytes) -> bool:
    return _NAME.fullmatch(word) is not None and word not in _KEYWORDS
