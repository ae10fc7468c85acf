"""Find names in a libcst tree that may be undefined without harm: bound by text, or on a line not meant to run.

`engine.analysis.doubts` has the same rules for pylint's trees.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence

import libcst as cst

from engine.analysis.bindings import descendants

BINDERS_BY_TEXT = frozenset(
    {"globals", "locals", "vars", "eval", "__builtins__", "builtins", "modules", "f_globals", "__import__"}
)
"""Where one of these is mentioned, any name may be bound by text."""
VERSIONS = re.compile(r"version|(?:^|_)py|python|^TYPE_CHECKING$|^hasattr$", re.IGNORECASE)
"""Names that ask which Python this is, or what it has."""
NAME_ERRORS = frozenset({"NameError", "UnboundLocalError"})
BROAD_ERRORS = frozenset({"Exception", "BaseException"})
IDENTIFIER = re.compile(r"\w+")


def names_bound_by_text(nodes: Sequence[cst.CSTNode]) -> frozenset[str] | None:
    """Find the words in the literal arguments of `exec`, which it may bind. None where text may bind any name."""
    words = {node.value for node in nodes if type(node) is cst.Name}
    if words & BINDERS_BY_TEXT:
        return None
    if "exec" not in words:
        return frozenset()
    calls = [node for node in nodes if type(node) is cst.Call and _name(node.func) == "exec"]
    texts = [call.args[0].value for call in calls if call.args]
    if not calls or len(texts) < len(calls) or not all(isinstance(text, cst.SimpleString) for text in texts):
        return None
    return frozenset(word for text in texts for word in IDENTIFIER.findall(text.value))  # type: ignore[attr-defined]


def names_not_meant_to_run(
    module: cst.Module, nodes: Iterable[cst.CSTNode], errors: frozenset[str] = NAME_ERRORS
) -> frozenset[int]:
    """Identify the names that are no fault: an error is caught, a version asked for, or nothing is evaluated."""
    lazy = sys.version_info >= (3, 14) or _has_future_annotations(module)
    spared: set[int] = set()
    for node in nodes:
        for part in _spared_parts(node, lazy, errors):
            spared.update(id(name) for name in descendants(part) if type(name) is cst.Name)
    return frozenset(spared)


def _spared_parts(node: cst.CSTNode, lazy: bool, errors: frozenset[str]) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.Try | cst.TryStar) and any(_catches(handler, node, errors) for handler in node.handlers):
        yield node.body
    elif (isinstance(node, cst.If | cst.IfExp) and _asks_for_version(node.test)) or (
        lazy and type(node) is cst.Annotation
    ):
        yield node
    elif type(node) is cst.FunctionDef:
        yield from (
            part.annotation for part in descendants(node.body, into_scopes=False) if type(part) is cst.AnnAssign
        )


def _catches(
    handler: cst.ExceptHandler | cst.ExceptStarHandler, tried: cst.Try | cst.TryStar, errors: frozenset[str]
) -> bool:
    names = BROAD_ERRORS if handler.type is None else _words(handler.type)
    return bool(names & errors) or (bool(names & BROAD_ERRORS) and len(tried.body.body) == 1)


def _asks_for_version(test: cst.BaseExpression) -> bool:
    never = isinstance(test, cst.Name | cst.Integer) and test.value in ("False", "0")
    return never or any(map(VERSIONS.search, _words(test)))


def _words(node: cst.CSTNode) -> set[str]:
    return {part.value for part in descendants(node) if type(part) is cst.Name}


def _has_future_annotations(module: cst.Module) -> bool:
    imports = (part for line in module.body if isinstance(line, cst.SimpleStatementLine) for part in line.body)
    return any(isinstance(part, cst.ImportFrom) and _is_future(part) for part in imports)


def _is_future(statement: cst.ImportFrom) -> bool:
    names = () if isinstance(statement.names, cst.ImportStar) else statement.names
    return _name(statement.module) == "__future__" and any(_name(alias.name) == "annotations" for alias in names)


def _name(node: cst.CSTNode | None) -> str:
    return node.value if isinstance(node, cst.Name) else ""
