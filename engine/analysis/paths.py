"""Follow paths through one function to find dead code, missing returns, and names that a path leaves unbound.

Conditions are not evaluated, except literal `True`, `1`, `False` and `0`. Calls are not followed, and an exception
inside a block is a path into its handlers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import libcst as cst

from engine.analysis.bindings import uses

Bound: TypeAlias = frozenset[str] | None
"""Names bound on every path to here; None where no path leads here."""

_LEAVING = {"exit", "quit", "sys.exit", "os._exit"}


@dataclass(slots=True)
class PathFindings:
    """The findings on the paths of one function, or of the module."""

    unreachable: list[cst.CSTNode] = field(default_factory=list)
    unbound: dict[str, cst.CSTNode] = field(default_factory=dict)
    """Local name -> its first read on a path that leaves it unbound."""
    end_reachable: bool = False
    """Whether control can run off the end."""


def follow(body: cst.BaseSuite | cst.Module, local_names: frozenset[str], bound: frozenset[str]) -> PathFindings:
    """Follow every path through `body`.

    Args:
        body: A function's or the module's body.
        local_names: Names whose unbound reads are to be found.
        bound: Names bound at the start (parameters).
    """
    walk = _Walk(local_names)
    walk.findings.end_reachable = walk.block(body.body, bound) is not None
    return walk.findings


class _Walk:
    def __init__(self, local_names: frozenset[str]) -> None:
        self.findings = PathFindings()
        self._locals = local_names
        self._breaks: list[list[Bound]] = []

    def block(self, statements: Iterable[cst.CSTNode], bound: Bound) -> Bound:
        dead = False
        for statement in statements:
            if bound is None:
                if not dead and not _is_layout(statement):
                    self.findings.unreachable.append(statement)
                    dead = True
                continue
            bound = self._statement(statement, bound)
        return bound

    def _statement(self, node: cst.CSTNode, bound: frozenset[str]) -> Bound:  # noqa: PLR0911, PLR0912  a case per kind
        match node:
            case cst.SimpleStatementLine(body=parts) | cst.SimpleStatementSuite(body=parts):
                return self.block(parts, bound)
            case cst.Return() | cst.Raise():
                self._read(node, bound)
                return None
            case cst.Break():
                if self._breaks:
                    self._breaks[-1].append(bound)
                return None
            case cst.Continue():
                return None
            case cst.Expr(value=cst.Call(func=function)) if _dotted(function) in _LEAVING:
                return None
            case cst.If():
                return self._if(node, bound)
            case cst.While():
                return self._while(node, bound)
            case cst.For():
                return self._for(node, bound)
            case cst.Try() | cst.TryStar():
                return self._try(node, bound)
            case cst.With(items=items, body=body):
                for item in items:
                    bound = self._read(item, bound)
                return self.block(body.body, bound)
            case cst.Match():
                return self._match(node, bound)
            case _:
                return self._read(node, bound)

    def _if(self, node: cst.If, bound: frozenset[str]) -> Bound:
        bound = self._read(node.test, bound)
        known = _truth(node.test)
        taken = self.block(node.body.body, bound) if known is not False else None
        match node.orelse:
            case cst.If() as other if known is not True:
                return _meet(taken, self._if(other, bound))
            case cst.Else(body=body) if known is not True:
                return _meet(taken, self.block(body.body, bound))
            case None if known is not True:
                return _meet(taken, bound)
            case _:
                return taken

    def _while(self, node: cst.While, bound: frozenset[str]) -> Bound:
        bound = self._read(node.test, bound)
        breaks = self._loop_body(node.body, bound)
        after = None if _truth(node.test) is True else bound
        return _meet(self._orelse(node.orelse, after), *breaks)

    def _for(self, node: cst.For, bound: frozenset[str]) -> Bound:
        bound = self._read(node.iter, bound)
        inside = bound | {use.name for use in uses(cst.AssignTarget(node.target)) if use.kind == "bind"}
        breaks = self._loop_body(node.body, inside)
        return _meet(self._orelse(node.orelse, bound), *breaks)

    def _loop_body(self, body: cst.BaseSuite, bound: frozenset[str]) -> list[Bound]:
        self._breaks.append([])
        self.block(body.body, bound)
        return self._breaks.pop()

    def _orelse(self, node: cst.Else | None, bound: Bound) -> Bound:
        return bound if node is None or bound is None else self.block(node.body.body, bound)

    def _try(self, node: cst.Try | cst.TryStar, bound: frozenset[str]) -> Bound:
        tried = self._orelse(node.orelse, self.block(node.body.body, bound))
        ends = [tried]
        for handler in node.handlers:
            named = {handler.name.name.value} if handler.name and isinstance(handler.name.name, cst.Name) else set()
            ends.append(self.block(handler.body.body, bound | named))
        after = _meet(*ends)
        if node.finalbody is None:
            return after
        finished = self.block(node.finalbody.body.body, bound if after is None else after)
        return None if after is None else finished

    def _match(self, node: cst.Match, bound: frozenset[str]) -> Bound:
        bound = self._read(node.subject, bound)
        ends: list[Bound] = []
        complete = False
        for case in node.cases:
            inside = bound | {use.name for use in uses(case.pattern) if use.kind == "bind"}
            ends.append(self.block(case.body.body, inside))
            complete |= isinstance(case.pattern, cst.MatchAs) and case.pattern.pattern is None and case.guard is None
        return _meet(*ends) if complete else _meet(bound, *ends)

    def _read(self, node: cst.CSTNode, bound: frozenset[str]) -> frozenset[str]:
        """Note the reads and bindings of one simple statement or expression, in order."""
        names = set(bound)
        for use in uses(node, into_scopes=False):
            if use.kind == "bind":
                names.add(use.name)
            elif use.name in self._locals and use.name not in names:
                self.findings.unbound.setdefault(use.name, use.node)
        return frozenset(names)


def _meet(*paths: Bound) -> Bound:
    reached: Sequence[frozenset[str]] = [path for path in paths if path is not None]
    return frozenset.intersection(*reached) if reached else None


def _truth(test: cst.BaseExpression) -> bool | None:
    match test:
        case cst.Name(value="True") | cst.Integer(value="1"):
            return True
        case cst.Name(value="False") | cst.Integer(value="0"):
            return False
        case _:
            return None


def _dotted(node: cst.CSTNode) -> str:
    match node:
        case cst.Name(value=name):
            return name
        case cst.Attribute(value=cst.Name(value=owner), attr=cst.Name(value=name)):
            return f"{owner}.{name}"
        case _:
            return ""


def _is_layout(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Pass | cst.EmptyLine)
