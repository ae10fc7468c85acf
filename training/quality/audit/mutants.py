"""Make mutants, which are programs with one small fault put in. Good tests should catch them.

A mutant that CPython compiles to the same code as the original or another mutant is left out (trivial compiler
equivalence, Papadakis et al. 2015). Others may still behave the same and cannot be caught by any test. A mutation score
is therefore a lower bound of what the tests catch.

The text is not trusted and may need any time, stack or memory to read. Call this only in a process that may die
(`training.quality.audit.reading`).
"""

from __future__ import annotations

import ast
import hashlib
import random
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from training.quality.audit.operators import Change, changes_of


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed program."""

    program: str
    operator: str
    """The kind of fault, one of `training.quality.audit.operators.OPERATORS`."""
    line: int
    """1-based line of the change in the original."""
    change: str
    """The text before and after the change, for display."""


def mutants_of(source: str, seed: int, most: int) -> list[Mutant]:
    """Make at most `most` different mutants of `source`, taking operators in turn, as a function of text and `seed`.

    Raises:
        SyntaxError, ValueError, RecursionError: the text is not a program.
    """
    wrapper = MetadataWrapper(_parse(source))
    finder = _Finder()
    wrapper.visit(finder)
    seen = {_fingerprint(source)}
    found: list[Mutant] = []
    digest = hashlib.sha256(source.encode(errors="replace")).hexdigest()
    for operator, line, change in _in_turn(finder.found, random.Random(f"{seed}:{digest}")):  # noqa: S311
        if len(found) >= most:
            break
        mutant = _apply(wrapper.module, change)
        try:
            fingerprint = _fingerprint(mutant)
        except (SyntaxError, ValueError):
            continue  # the operator made no program of it
        if fingerprint not in seen:
            seen.add(fingerprint)
            found.append(Mutant(mutant, operator, line, _described(wrapper.module, change)))
    return found


def _parse(source: str) -> cst.Module:
    """Parse the text, or the text as CPython reads it where libcst cannot parse it (some odd indentation)."""
    try:
        return cst.parse_module(source)
    except cst.ParserSyntaxError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cst.parse_module(ast.unparse(ast.parse(source)))


class _Finder(cst.CSTVisitor):
    """A visitor that collects all places for a fault, in the order of the text."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, int, Change]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom | cst.Decorator):
            return False  # no faults in what is not behaviour
        if isinstance(node, cst.If) and _is_main_guard(node):
            return False
        for operator, change in changes_of(node):
            position = self.get_metadata(PositionProvider, node)
            self.found.append((operator, position.start.line, change))
        return True


def _is_main_guard(node: cst.If) -> bool:
    test = node.test
    return isinstance(test, cst.Comparison) and isinstance(test.left, cst.Name) and test.left.value == "__name__"


def _in_turn(found: list[tuple[str, int, Change]], chance: random.Random) -> Iterator[tuple[str, int, Change]]:
    """Take one change of each operator in turn, shuffled within, so that no operator crowds out the rest."""
    by_operator: dict[str, list[tuple[str, int, Change]]] = defaultdict(list)
    for change in found:
        by_operator[change[0]].append(change)
    queues = [by_operator[name] for name in sorted(by_operator)]
    for queue in queues:
        chance.shuffle(queue)
    while queues:
        for queue in queues:
            yield queue.pop()
        queues = [queue for queue in queues if queue]


def _apply(module: cst.Module, change: Change) -> str:
    mutated = module.deep_replace(change.old, change.new)
    assert isinstance(mutated, cst.Module)
    return mutated.code


def _described(module: cst.Module, change: Change) -> str:
    old, new = (" ".join(module.code_for_node(node).split())[:80] for node in (change.old, change.new))
    return f"{old} -> {new}"


def _fingerprint(source: str) -> bytes:
    """Return CPython's code for a program, without positions and docstrings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(source, "<mutant>", "exec", dont_inherit=True, optimize=2)
    digest = hashlib.sha256()
    _feed(digest, code)
    return digest.digest()


def _feed(digest: hashlib._Hash, code: CodeType) -> None:
    parts = (code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags)
    digest.update(repr((*parts, code.co_exceptiontable)).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _feed(digest, constant)
        else:
            digest.update(f"{type(constant).__name__}:{_ordered(constant)}".encode(errors="replace"))


def _ordered(constant: object) -> str:
    """Write a constant as text that does not depend on the hash seed."""
    return repr(sorted(map(repr, constant))) if isinstance(constant, frozenset) else repr(constant)
