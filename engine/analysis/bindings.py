"""Which names a piece of a libcst tree reads and binds.

What this module does not do: resolve scopes to the letter. It says what is bound anywhere, and what one function binds
itself; that is enough to be sure, and sure is what a penalty needs.
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
    """The node's children without layout, in the order of the text (`CSTNode.children` copies the node)."""
    for name in _child_fields(type(node)):
        value = getattr(node, name)
        kind = type(value)
        if kind is tuple or kind is list:
            yield from value
        elif kind not in _NO_NODES:  # `isinstance` of the abstract CSTNode is slow
            yield value


def descendants(node: cst.CSTNode, *, into_scopes: bool = True) -> Iterator[cst.CSTNode]:
    """The node and everything under it; without the insides of nested functions and classes on request."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        yield item
        if into_scopes or item is node or type(item) not in SCOPES:
            waiting.extend(children(item))


def uses(node: cst.CSTNode, *, into_scopes: bool = True) -> Iterator[Use]:  # noqa: PLR0912, PLR0915  a case per kind
    """Reads and bindings in `node`; of nested functions and classes only name, decorators and defaults on request."""
    if type(node) not in _WITH_RULES:  # most nodes: spares them the cases below
        for child in children(node):
            yield from uses(child, into_scopes=into_scopes)
        return
    match node:
        case cst.Name(value=name):
            yield Use("read", name, node)
        case cst.Attribute(value=value):
            yield from uses(value, into_scopes=into_scopes)
        case cst.Arg(value=value):
            yield from uses(value, into_scopes=into_scopes)
        case cst.AssignTarget(target=target) | cst.AsName(name=target):
            yield from _binds(target)
        case cst.NamedExpr(target=target, value=value):
            yield from uses(value, into_scopes=into_scopes)
            yield from _binds(target)
        case cst.Assign(targets=targets, value=value):
            yield from uses(value, into_scopes=into_scopes)
            yield from _each(targets, into_scopes)
        case cst.AnnAssign(target=target, annotation=annotation, value=value):
            yield from _each([annotation, *([value] if value else [])], into_scopes)
            if value:
                yield from _binds(target)
        case cst.AugAssign(target=target, value=value):
            yield from _each([target, value], into_scopes)
            yield from _binds(target)
        case cst.CompFor() | cst.For():
            yield from uses(node.iter, into_scopes=into_scopes)
            yield from _binds(node.target)
            yield from _each([child for child in children(node) if child not in (node.iter, node.target)], into_scopes)
        case cst.GeneratorExp() | cst.ListComp() | cst.SetComp():
            yield from _each([node.for_in, node.elt], into_scopes)
        case cst.DictComp():
            yield from _each([node.for_in, node.key, node.value], into_scopes)
        case cst.FunctionDef() | cst.Lambda() | cst.ClassDef():
            yield from _scope_uses(node, into_scopes)
        case cst.ImportAlias(name=name, asname=asname):
            bound: cst.CSTNode = asname.name if asname else name
            while isinstance(bound, cst.Attribute):
                bound = bound.value  # `import a.b` binds a
            yield from _binds(bound)
        case cst.ImportFrom(names=aliases):
            if not isinstance(aliases, cst.ImportStar):
                yield from _each(aliases, into_scopes)
        case cst.Global() | cst.Nonlocal():
            return
        case cst.MatchAs(name=target) | cst.MatchStar(name=target) | cst.MatchMapping(rest=target):
            yield from _each([child for child in children(node) if child is not target], into_scopes)
            if target is not None:
                yield from _binds(target)
        case cst.MatchKeywordElement(pattern=pattern):
            yield from uses(pattern, into_scopes=into_scopes)
        case cst.Param(name=target, default=default, annotation=annotation):
            yield from _each([part for part in (default, annotation) if part], into_scopes)
            yield from _binds(target)
        case (
            cst.TypeAlias(name=target)
            | cst.TypeVar(name=target)
            | cst.TypeVarTuple(name=target)
            | cst.ParamSpec(name=target)
        ):
            yield from _binds(target)
        case _:
            yield from _each(children(node), into_scopes)


def _each(nodes: Iterable[cst.CSTNode], into_scopes: bool) -> Iterator[Use]:
    for node in nodes:
        yield from uses(node, into_scopes=into_scopes)


def _scope_uses(node: cst.FunctionDef | cst.Lambda | cst.ClassDef, into_scopes: bool) -> Iterator[Use]:
    if not isinstance(node, cst.Lambda):
        yield from _each(node.decorators, into_scopes)
    if isinstance(node, cst.ClassDef):
        yield from _each([*node.bases, *node.keywords], into_scopes)
    if into_scopes:
        parts = [part for part in children(node) if not isinstance(part, cst.Decorator)]
        yield from _each([part for part in parts if part is not getattr(node, "name", None)], into_scopes)
    elif not isinstance(node, cst.ClassDef):
        for item in descendants(node.params):
            if isinstance(item, cst.Param) and item.default:
                yield from uses(item.default, into_scopes=into_scopes)
    if not isinstance(node, cst.Lambda):
        yield Use("bind", node.name.value, node.name)


def _binds(target: cst.CSTNode) -> Iterator[Use]:
    """Bindings of an assignment target; the insides of subscripts and attributes are reads."""
    match target:
        case cst.Name(value=name):
            yield Use("bind", name, target)
        case cst.Tuple(elements=elements) | cst.List(elements=elements):
            for element in elements:
                yield from _binds(element.value)
        case cst.StarredElement(value=value):
            yield from _binds(value)
        case cst.Attribute(value=value):
            yield from uses(value)
        case cst.AsName(name=name):
            yield from _binds(name)
        case _:
            yield from uses(target)
