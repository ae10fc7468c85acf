"""Check functions and their calls: whether arguments can fit, and whether a name is still a function.

Values are not followed. What is not certain from the text is no finding.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable, Iterator

import libcst as cst

from engine.analysis.bindings import descendants, uses

CALLABLE_BUILTINS = frozenset(name for name in dir(builtins) if callable(getattr(builtins, name)) and name[0].islower())
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
    """Find the function that the tests call: the last top-level one of that name, or `class Solution`'s method."""
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
    """Say why a call with so many positional arguments and these keywords cannot fit. None where it can."""
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


def shadowed_calls(scope: cst.FunctionDef | cst.Module) -> Iterator[tuple[cst.Call, str]]:
    """Find calls of a builtin's name that this scope binds to plain values only; in a module, after it has done so."""
    body = scope.body if isinstance(scope, cst.FunctionDef) else scope
    own = list(descendants(body, into_scopes=False))
    plain: dict[str, bool] = {}
    assignments: dict[str, int] = {}
    for node in own:
        for target, value in _assignments(node):
            if isinstance(target, cst.Name) and target.value in CALLABLE_BUILTINS:
                name = target.value
                plain[name] = plain.get(name, True) and (value is None or _is_value(value))
                assignments[name] = assignments.get(name, 0) + 1
    if not any(plain.values()):
        return
    binds = [use.name for use in uses(body, into_scopes=False) if use.kind == "bind"]
    certain = {name for name in plain if plain[name] and binds.count(name) == assignments[name]}
    if isinstance(scope, cst.Module):
        yield from _called_after(scope, certain - _deleted_or_shared(scope))
    else:
        yield from _called(own, certain)


def _assignments(node: cst.CSTNode) -> Iterator[tuple[cst.BaseExpression, cst.BaseExpression | None]]:
    """Pair targets with their values. The value of `+=` is None, because it keeps a value a value."""
    if type(node) is cst.Assign:
        yield from ((target.target, node.value) for target in node.targets)
    elif type(node) is cst.AugAssign:
        yield node.target, None


def _called(nodes: Iterable[cst.CSTNode], names: Collection[str]) -> Iterator[tuple[cst.Call, str]]:
    for node in nodes:
        if type(node) is cst.Call and isinstance(node.func, cst.Name) and node.func.value in names:
            yield node, node.func.value


def _called_after(module: cst.Module, names: Collection[str]) -> Iterator[tuple[cst.Call, str]]:
    """Find calls after the statement that surely assigns the name, and in functions that nothing before it mentions."""
    definitions = [statement for statement in module.body if isinstance(statement, cst.FunctionDef | cst.ClassDef)]
    defined = {statement.name.value for statement in definitions}
    assigned: set[str] = set()
    early = False  # whether a function may have been called by now
    in_functions: set[str] = set()
    for statement in module.body:
        if isinstance(statement, cst.FunctionDef | cst.ClassDef):  # has names of its own
            continue
        yield from _called(descendants(statement, into_scopes=False), assigned)
        for part in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
            targets = [target for target, value in _assignments(part) if value is not None]
            fresh = {target.value for target in targets if isinstance(target, cst.Name) and target.value in names}
            in_functions |= set() if early else fresh - assigned
            assigned |= fresh
        early = early or any(use.name in defined for use in uses(statement) if use.kind == "read")
    for definition in definitions if in_functions else ():
        own = {use.name for use in uses(definition) if use.kind == "bind"}
        for body in _bodies(definition):
            yield from _called(descendants(body), in_functions - own)


def _bodies(definition: cst.FunctionDef | cst.ClassDef) -> Iterator[cst.BaseSuite]:
    """Give what runs only when it is called: a function's body, or the bodies of a class's methods."""
    if isinstance(definition, cst.FunctionDef):
        yield definition.body
        return
    for part in definition.body.body:
        if isinstance(part, cst.FunctionDef):
            yield part.body


def _deleted_or_shared(module: cst.Module) -> set[str]:
    """Find names under a `del` or a `global`, which may give the builtin back."""
    nodes = [node for node in descendants(module) if isinstance(node, cst.Del | cst.Global)]
    return {part.value for node in nodes for part in descendants(node) if isinstance(part, cst.Name)}


def _is_value(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name):
        return node.func.value in _VALUE_MAKERS
    return isinstance(node, _VALUES)
