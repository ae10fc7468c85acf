"""Mutation operators list the faults that can be put at one node of a syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import libcst as cst

OPERATORS = (
    "arithmetic",
    "boolean",
    "boundary",
    "call",
    "comparison",
    "deletion",
    "negation",
    "off-by-one",
    "return",
)
"""Names of the operators. Each change is of one kind."""


class Change(NamedTuple):
    """A node and its replacement in the mutant."""

    old: cst.CSTNode
    new: cst.CSTNode


_COMPARISONS: dict[type[cst.BaseCompOp], tuple[type[cst.BaseCompOp], ...]] = {
    cst.LessThan: (cst.LessThanEqual, cst.GreaterThan),
    cst.LessThanEqual: (cst.LessThan, cst.GreaterThanEqual),
    cst.GreaterThan: (cst.GreaterThanEqual, cst.LessThan),
    cst.GreaterThanEqual: (cst.GreaterThan, cst.LessThanEqual),
    cst.Equal: (cst.NotEqual, cst.LessThanEqual),
    cst.NotEqual: (cst.Equal,),
    cst.In: (cst.NotIn,),
    cst.NotIn: (cst.In,),
    cst.Is: (cst.IsNot,),
    cst.IsNot: (cst.Is,),
}
_ARITHMETIC: dict[type[cst.CSTNode], tuple[type[cst.CSTNode], ...]] = {
    cst.Add: (cst.Subtract,),
    cst.Subtract: (cst.Add,),
    cst.Multiply: (cst.Add, cst.FloorDivide),
    cst.Divide: (cst.Multiply, cst.FloorDivide),
    cst.FloorDivide: (cst.Divide, cst.Multiply),
    cst.Modulo: (cst.FloorDivide,),
    cst.Power: (cst.Multiply,),
    cst.LeftShift: (cst.RightShift,),
    cst.RightShift: (cst.LeftShift,),
    cst.BitAnd: (cst.BitOr,),
    cst.BitOr: (cst.BitAnd,),
    cst.BitXor: (cst.BitAnd,),
    cst.AddAssign: (cst.SubtractAssign,),
    cst.SubtractAssign: (cst.AddAssign,),
    cst.MultiplyAssign: (cst.AddAssign,),
    cst.DivideAssign: (cst.MultiplyAssign,),
    cst.FloorDivideAssign: (cst.MultiplyAssign,),
    cst.ModuloAssign: (cst.FloorDivideAssign,),
    cst.BitAndAssign: (cst.BitOrAssign,),
    cst.BitOrAssign: (cst.BitAndAssign,),
    cst.BitXorAssign: (cst.BitOrAssign,),
    cst.LeftShiftAssign: (cst.RightShiftAssign,),
    cst.RightShiftAssign: (cst.LeftShiftAssign,),
}
_NAMES = {"True": "False", "False": "True"}
_CALLS = {
    **{"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"},
    **{"upper": "lower", "lower": "upper", "startswith": "endswith", "endswith": "startswith"},
    **{"sorted": "list", "set": "list", "abs": "int", "lstrip": "rstrip", "rstrip": "lstrip"},
    **{"popleft": "pop", "find": "rfind", "isalpha": "isalnum", "isdigit": "isalnum"},
}
_DELETABLE = (cst.Assign, cst.AugAssign, cst.Expr, cst.Break, cst.Continue)
_LARGEST = 1 << 64


def changes_of(node: cst.CSTNode) -> Iterator[tuple[str, Change]]:
    """Yield the kind of each fault, and the fault."""
    if isinstance(node, cst.BaseExpression):
        yield from _in_expression(node)
    elif isinstance(node, cst.ComparisonTarget):
        for kind in _COMPARISONS.get(type(node.operator), ()):
            yield "comparison", Change(node, node.with_changes(operator=kind()))
    elif isinstance(node, cst.AugAssign):
        yield from _operators(node)
    elif isinstance(node, cst.Slice):
        yield from _slice(node)
    elif isinstance(node, cst.Return) and node.value is not None and not _is_none(node.value):
        yield "return", Change(node, node.with_changes(value=cst.Name("None"), whitespace_after_return=_SPACE))
    if isinstance(node, cst.If | cst.While | cst.IfExp):
        yield "negation", Change(node.test, _parenthesised(cst.UnaryOperation(cst.Not(), _parenthesised(node.test))))
    if isinstance(node, _DELETABLE) and not _is_text(node):
        yield "deletion", Change(node, cst.Pass())


def _in_expression(node: cst.BaseExpression) -> Iterator[tuple[str, Change]]:
    if isinstance(node, cst.BinaryOperation):
        yield from _operators(node)
    elif isinstance(node, cst.BooleanOperation):
        other = cst.Or() if isinstance(node.operator, cst.And) else cst.And()
        yield "boolean", Change(node, node.with_changes(operator=other))
    elif isinstance(node, cst.Integer):
        yield from _integer(node)
    elif isinstance(node, cst.Name) and node.value in _NAMES:
        yield "boolean", Change(node, node.with_changes(value=_NAMES[node.value]))
    elif isinstance(node, cst.UnaryOperation):
        yield from _unary(node)
    elif isinstance(node, cst.Call):
        yield from _call(node)


def _operators(node: cst.BinaryOperation | cst.AugAssign) -> Iterator[tuple[str, Change]]:
    for kind in _ARITHMETIC.get(type(node.operator), ()):
        yield "arithmetic", Change(node, node.with_changes(operator=kind()))


_SPACE = cst.SimpleWhitespace(" ")


def _integer(node: cst.Integer) -> Iterator[tuple[str, Change]]:
    value = node.evaluated_value
    if abs(value) < _LARGEST:
        yield "boundary", Change(node, _number(value + 1))
        if value:
            yield "boundary", Change(node, _number(value - 1))


def _unary(node: cst.UnaryOperation) -> Iterator[tuple[str, Change]]:
    if isinstance(node.operator, cst.Not):
        yield "negation", Change(node, _parenthesised(node.expression))
    elif isinstance(node.operator, cst.Minus):
        yield "arithmetic", Change(node, _parenthesised(node.expression))


def _call(node: cst.Call) -> Iterator[tuple[str, Change]]:
    function = node.func
    name = function.attr if isinstance(function, cst.Attribute) else function
    if not isinstance(name, cst.Name):
        return
    if name.value in _CALLS:
        yield "call", Change(name, name.with_changes(value=_CALLS[name.value]))
    if name.value == "range" and isinstance(function, cst.Name) and node.args and not node.args[0].star:
        place = 1 if len(node.args) > 1 else 0  # the stop
        argument = node.args[place]
        for operator in (cst.Add(), cst.Subtract()):
            yield "off-by-one", Change(argument.value, _shifted(argument.value, operator))
        if place:
            yield "off-by-one", Change(node.args[0].value, _shifted(node.args[0].value, cst.Add()))


def _slice(node: cst.Slice) -> Iterator[tuple[str, Change]]:
    for bound, operator in ((node.lower, cst.Add()), (node.upper, cst.Subtract())):
        if bound is not None:
            yield "off-by-one", Change(bound, _shifted(bound, operator))
    if node.lower is None and node.step is None:
        yield "off-by-one", Change(node, node.with_changes(lower=cst.Integer("1")))
    if node.upper is None and node.step is None:
        yield "off-by-one", Change(node, node.with_changes(upper=cst.parse_expression("-1")))


def _shifted(node: cst.BaseExpression, operator: cst.BaseBinaryOp) -> cst.BaseExpression:
    return cst.BinaryOperation(_parenthesised(node), operator, cst.Integer("1"))


def _parenthesised(node: cst.BaseExpression) -> cst.BaseExpression:
    """Put the expression in parentheses, so that it is safe beside anything."""
    changed: cst.BaseExpression = node.with_changes(
        lpar=[cst.LeftParen(), *node.lpar], rpar=[*node.rpar, cst.RightParen()]
    )
    return changed


def _number(value: int) -> cst.BaseExpression:
    return cst.Integer(str(value)) if value >= 0 else cst.parse_expression(f"({value})")


def _is_none(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"


def _is_text(node: cst.CSTNode) -> bool:
    """Say whether a statement is a docstring or has no effect."""
    return isinstance(node, cst.Expr) and isinstance(
        node.value, cst.SimpleString | cst.ConcatenatedString | cst.Ellipsis
    )
