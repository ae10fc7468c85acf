"""Find the names that a piece of a libcst tree reads and binds.

Scopes are not resolved to the letter. It says what is bound anywhere, and what one function binds itself. That is
enough to be sure, and a penalty must be sure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import lru_cache
from typing import Literal, NamedTuple

import libcst as cst

_NO_CHILDREN = (
    "whitespace",
    "lpar",
    "rpar",
    "comma",
    "lbracket",
    "rbracket",
    "leading_lines",
    "header",
    "footer",
    "semi",
)
_NO_NODES = (str, bool, type(None), cst.MaybeSentinel)
SCOPES = (cst.FunctionDef, cst.Lambda, cst.ClassDef)


_WITH_RULES = frozenset(
    {
        *(cst.Name, cst.Attribute, cst.Arg, cst.AssignTarget, cst.AsName, cst.NamedExpr, cst.Assign, cst.AnnAssign),
        *(cst.AugAssign, cst.CompFor, cst.For, cst.GeneratorExp, cst.ListComp, cst.SetComp, cst.DictComp, *SCOPES),
        *(cst.ImportAlias, cst.ImportFrom, cst.Global, cst.Nonlocal, cst.MatchAs, cst.MatchStar, cst.MatchMapping),
        *(cst.MatchKeywordElement, cst.Param, cst.TypeAlias, cst.TypeVar, cst.TypeVarTuple, cst.ParamSpec),
    }
)


class Use(NamedTuple):
    """One use of a name."""

    kind: Literal["read", "bind"]
    name: str
    node: cst.CSTNode


@lru_cache(maxsize=512)
def _child_fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    names = (field.name for field in fields(kind))
    return tuple(name for name in names if not any(part in name for part in _NO_CHILDREN))


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Give the node's children without layout, in the order of the text (`CSTNode.children` copies the node)."""
    for name in _child_fields(type(node)):
        value = getattr(node, name)
        kind = type(value)
        if kind is tuple or kind is list:
            yield from value
        elif kind not in _NO_NODES:  # `isinstance` of the abstract CSTNode is slow
            yield value


def descendants(node: cst.CSTNode, *, into_scopes: bool = True) -> Iterator[cst.CSTNode]:
    """Give the node and everything under it, on request without the insides of nested functions and classes."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        yield item
        if into_scopes or item is node or type(item) not in SCOPES:
            waiting.extend(children(item))


def uses(node: cst.CSTNode, *, into_scopes: bool = True) -> list[Use]:
    """Find reads and bindings in `node`, on request only name, decorators and defaults of what is nested."""
    found: list[Use] = []
    _note(node, into_scopes, found)
    return found


def _note(node: cst.CSTNode, into_scopes: bool, found: list[Use]) -> None:  # noqa: PLR0912, PLR0915  a case per kind
    if type(node) not in _WITH_RULES:  # most nodes: spares them the cases below
        for child in children(node):
            _note(child, into_scopes, found)
        return
    match node:
        case cst.Name(value=name):
            found.append(Use("read", name, node))
        case cst.Attribute(value=value):
            _note(value, into_scopes, found)
        case cst.Arg(value=value):
            _note(value, into_scopes, found)
        case cst.AssignTarget(target=target) | cst.AsName(name=target):
            _note_bound(target, found)
        case cst.NamedExpr(target=target, value=value):
            _note(value, into_scopes, found)
            _note_bound(target, found)
        case cst.Assign(targets=targets, value=value):
            _note(value, into_scopes, found)
            _note_each(targets, into_scopes, found)
        case cst.AnnAssign(target=target, annotation=annotation, value=value):
            _note_each([annotation, *([value] if value else [])], into_scopes, found)
            if value:
                _note_bound(target, found)
        case cst.AugAssign(target=target, value=value):
            _note_each([target, value], into_scopes, found)
            _note_bound(target, found)
        case cst.CompFor() | cst.For():
            _note(node.iter, into_scopes, found)
            _note_bound(node.target, found)
            _note_each([child for child in children(node) if child not in (node.iter, node.target)], into_scopes, found)
        case cst.GeneratorExp() | cst.ListComp() | cst.SetComp():
            _note_each([node.for_in, node.elt], into_scopes, found)
        case cst.DictComp():
            _note_each([node.for_in, node.key, node.value], into_scopes, found)
        case cst.FunctionDef() | cst.Lambda() | cst.ClassDef():
            _note_scope(node, into_scopes, found)
        case cst.ImportAlias(name=name, asname=asname):
            bound: cst.CSTNode = asname.name if asname else name
            while isinstance(bound, cst.Attribute):
                bound = bound.value  # `import a.b` binds a
            _note_bound(bound, found)
        case cst.ImportFrom(names=aliases):
            if not isinstance(aliases, cst.ImportStar):
                _note_each(aliases, into_scopes, found)
        case cst.Global() | cst.Nonlocal():
            return
        case cst.MatchAs(name=target) | cst.MatchStar(name=target) | cst.MatchMapping(rest=target):
            _note_each([child for child in children(node) if child is not target], into_scopes, found)
            if target is not None:
                _note_bound(target, found)
        case cst.MatchKeywordElement(pattern=pattern):
            _note(pattern, into_scopes, found)
        case cst.Param(name=target, default=default, annotation=annotation):
            _note_each([part for part in (default, annotation) if part], into_scopes, found)
            _note_bound(target, found)
        case (
            cst.TypeAlias(name=target)
            | cst.TypeVar(name=target)
            | cst.TypeVarTuple(name=target)
            | cst.ParamSpec(name=target)
        ):
            _note_bound(target, found)
        case _:
            _note_each(children(node), into_scopes, found)


def _note_each(nodes: Iterable[cst.CSTNode], into_scopes: bool, found: list[Use]) -> None:
    for node in nodes:
        _note(node, into_scopes, found)


def _note_scope(node: cst.FunctionDef | cst.Lambda | cst.ClassDef, into_scopes: bool, found: list[Use]) -> None:
    if not isinstance(node, cst.Lambda):
        _note_each(node.decorators, into_scopes, found)
    if isinstance(node, cst.ClassDef):
        _note_each([*node.bases, *node.keywords], into_scopes, found)
    if into_scopes:
        parts = [part for part in children(node) if not isinstance(part, cst.Decorator)]
        _note_each([part for part in parts if part is not getattr(node, "name", None)], into_scopes, found)
    elif not isinstance(node, cst.ClassDef):
        for item in descendants(node.params):
            if isinstance(item, cst.Param) and item.default:
                _note(item.default, into_scopes, found)
    if not isinstance(node, cst.Lambda):
        found.append(Use("bind", node.name.value, node.name))


def _note_bound(target: cst.CSTNode, found: list[Use]) -> None:
    """Find the bindings of an assignment target. The insides of subscripts and attributes are reads."""
    match target:
        case cst.Name(value=name):
            found.append(Use("bind", name, target))
        case cst.Tuple(elements=elements) | cst.List(elements=elements):
            for element in elements:
                _note_bound(element.value, found)
        case cst.StarredElement(value=value):
            _note_bound(value, found)
        case cst.Attribute(value=value):
            _note(value, True, found)
        case cst.AsName(name=name):
            _note_bound(name, found)
        case _:
            _note(target, True, found)
