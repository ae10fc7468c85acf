"""Find where a few nodes of a libcst tree lie in the text, in bytes.

libcst's own position providers write the whole program out and keep a place for every node. This writes it only up to
the last requested node, and keeps the places of the requested ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

import libcst as cst
from libcst._nodes.internal import CodegenState

_UNNOTED = nullcontext()


class _AllFoundError(Exception):
    """Ends the writing, because nothing else is asked for."""


def byte_places(module: cst.Module, nodes: Iterable[cst.CSTNode]) -> dict[cst.CSTNode, tuple[int, int]]:
    """Find the first and one past the last byte of each node, without its blanks (as `ByteSpanPositionProvider` does).

    A function's place ends with its parameters, which are given too. Its body is not looked at for it.
    """
    wanted = [
        part for node in nodes for part in ((node, node.params) if isinstance(node, cst.FunctionDef) else (node,))
    ]
    writer = _Writer(module, wanted)
    with suppress(_AllFoundError):
        module._codegen(writer)
    places = {}
    for node in wanted:
        if id(node) in writer.places:
            first, last = writer.places[id(node)]
            last = writer.places[id(node.params)][1] if isinstance(node, cst.FunctionDef) else last
            start = len("".join(writer.tokens[:first]).encode())
            places[node] = start, start + len("".join(writer.tokens[first:last]).encode())
    return places


class _Writer(CodegenState):
    """Writes a module and notes at how many tokens the wanted nodes begin and end."""

    def __init__(self, module: cst.Module, nodes: Iterable[cst.CSTNode]) -> None:
        super().__init__(module.default_indent, module.default_newline)
        self.places: dict[int, tuple[int, int]] = {}
        self._waiting = {id(node) for node in nodes if not isinstance(node, cst.FunctionDef)}
        self._noted = {id(node) for node in nodes}
        self._begun: list[int] = []

    def before_codegen(self, node: cst.CSTNode) -> None:
        if id(node) in self._noted:
            self._begun.append(len(self.tokens))

    def after_codegen(self, node: cst.CSTNode) -> None:
        if id(node) not in self._noted:
            return
        self.places.setdefault(id(node), (self._begun.pop(), len(self.tokens)))
        self._waiting.discard(id(node))
        if not self._waiting:
            raise _AllFoundError

    def record_syntactic_position(  # type: ignore[override]  # a context manager that need not come from a generator
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> AbstractContextManager[None]:
        return self._noting(node, start_node, end_node) if id(node) in self._noted else _UNNOTED

    @contextmanager
    def _noting(
        self, node: cst.CSTNode, start_node: cst.CSTNode | None, end_node: cst.CSTNode | None
    ) -> Iterator[None]:
        self._noted |= {id(part) for part in (start_node, end_node) if part is not None}
        start = len(self.tokens)
        self.places[id(node)] = start, start
        yield
        first = start if start_node is None else self.places[id(start_node)][0]
        last = len(self.tokens) if end_node is None else self.places[id(end_node)][1]
        self.places[id(node)] = first, last
