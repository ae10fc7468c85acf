"""Functions and the calls made of them: whether arguments can fit, and whether a name still is a function.

What this module does not do: follow values. What is not certain from the text is no finding.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator

import libcst as cst

from engine.analysis.bindings import descendants, uses

_CALLABLE_BUILTINS = frozenset(
    name for name in dir(builtins) if callable(getattr(builtins, name)) and name[0].islower()
)
_VALUES = (
    cst.Integer,
    cst.Float,
    cst.SimpleString,
    cst.ConcatenatedString,
    cst.FormattedString,
    cst.List,
    cst.Tuple,
    cst.Dict,
    cst.Set,
    cst.ListComp,
    cst.DictComp,
    cst.SetComp,
    cst.Comparison,
    cst.BinaryOperation,
)
_VALUE_MAKERS = frozenset(
    {"int", "float", "str", "len", "sum", "list", "dict", "set", "tuple", "sorted", "abs", "input"}
)


def entry_function(module: cst.Module, name: str) -> tuple[cst.FunctionDef | None, bool]:
    """The function the tests call: the last top-level one of that name, else the method of `class Solution`."""
    found: cst.FunctionDef | None = None
    method: cst.FunctionDef | None = None
    for node in module.body:
        if isinstance(node, cst.FunctionDef) and node.name.value == name:
            found = node
        if isinstance(node, cst.ClassDef) and node.name.value == "Solution":
            for part in node.body.body:
                if isinstance(part, cst.FunctionDef) and part.name.value == name:
                    method = part
    return (found, False) if found is not None else (method, method is not None)


def arity_fault(
    function: cst.FunctionDef, positional: int, keywords: tuple[str, ...], *, is_method: bool = False
) -> str | None:
    """Why a call with so many positional arguments and these keywords cannot fit; None where it can."""
    if function.decorators:
        return None
    parameters = function.params
    ordered = [*parameters.posonly_params, *parameters.params][1 if is_method else 0 :]
    names = [parameter.name.value for parameter in ordered]
    name = function.name.value
    if positional > len(ordered) and not isinstance(parameters.star_arg, cst.Param):
        return f"{name}() takes {len(ordered)} positional arguments, {positional} are given"
    by_keyword = {parameter.name.value for parameter in (*parameters.params, *parameters.kwonly_params)}
    unknown = [keyword for keyword in keywords if keyword not in by_keyword]
    if unknown and parameters.star_kwarg is None:
        return f"{name}() has no parameter {unknown[0]}"
    missing = [
        parameter.name.value
        for index, parameter in enumerate(ordered)
        if index >= positional and parameter.default is None and names[index] not in keywords
    ]
    missing += [
        parameter.name.value
        for parameter in parameters.kwonly_params
        if parameter.default is None and parameter.name.value not in keywords
    ]
    return f"{name}() needs an argument for {', '.join(missing)}" if missing else None


def shadowed_calls(function: cst.FunctionDef) -> Iterator[tuple[cst.Call, str]]:
    """Calls of a builtin's name that this function binds to plain values only."""
    own = list(descendants(function.body, into_scopes=False))
    plain: dict[str, bool] = {}
    assignments: dict[str, int] = {}
    for node in own:
        for target in node.targets if isinstance(node, cst.Assign) else ():
            if isinstance(target.target, cst.Name) and target.target.value in _CALLABLE_BUILTINS:
                name = target.target.value
                plain[name] = plain.get(name, True) and _is_value(cst.ensure_type(node, cst.Assign).value)
                assignments[name] = assignments.get(name, 0) + 1
    if not plain:
        return
    binds = [use.name for use in uses(function.body, into_scopes=False) if use.kind == "bind"]
    certain = {name for name in plain if plain[name] and binds.count(name) == assignments[name]}
    for node in own:
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in certain:
            yield node, node.func.value


def _is_value(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name):
        return node.func.value in _VALUE_MAKERS
    return isinstance(node, _VALUES)
