"""Test sources must check something: a bare comparison becomes an assertion, what checks nothing is refused.

A comparison that nobody asserts passes for every program. An assertion of a tuple, of a constant or of something with
itself does so too. So does one in a function that nobody calls (pytest would), in a branch that never runs, or in a
`try` whose handler takes the failure and says nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator


def asserting(source: str, tree: ast.Module, setup: ast.Module) -> str | None:
    """Give a test's source with its bare comparisons asserted.

    Args:
        source: The test as the record has it.
        tree: The same, parsed.
        setup: What runs before it, whose functions may do the checking.

    Returns:
        The source, or None where nothing in it checks anything.
    """
    bare = [
        statement
        for statement in tree.body
        if isinstance(statement, ast.Expr) and _compares(statement.value) and not _always_true(statement.value)
    ]
    lines = source.encode().splitlines(keepends=True)
    for statement in reversed(bare):
        line = lines[statement.lineno - 1]
        start = statement.col_offset
        lines[statement.lineno - 1] = line[:start] + b"assert " + line[start:]
    if bare:
        return b"".join(lines).decode()
    return source if checks(tree, setup) else None


def checks(tree: ast.AST, setup: ast.AST | None = None) -> bool:
    """Say whether anything that runs here can fail: an assertion, a `raise`, or a function named for one.

    Args:
        tree: What runs.
        setup: Where more of the functions are that it may call.
    """
    return any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Assert) and not _always_true(node.test))
        or (isinstance(node, ast.Call) and _name_of(node.func).lower().lstrip("_").startswith("assert"))
        for node in _running(tree, setup)
    )


def _running(tree: ast.AST, setup: ast.AST | None) -> Iterator[ast.AST]:
    """Yield the nodes that run: a function does if anything that runs names it, and a class with its methods."""
    waiting = [node for each in (tree, setup) if each for node in ast.walk(each) if isinstance(node, _DEFINITIONS)]
    found = [tree]
    while found:
        node = found.pop()
        yield node
        whole = isinstance(node, ast.ClassDef)
        found += [child for child in _effective(node) if whole or not isinstance(child, _DEFINITIONS)]
        named = [each for each in waiting if each.name == _name_of(node) or _name_of(node) in _ALL_NAMES]
        waiting = [each for each in waiting if each not in named]
        found += named


def _effective(node: ast.AST) -> list[ast.AST]:
    """List the children of a node that may run, and of a `try` those whose failures leave it."""
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.If | ast.While) and isinstance(node.test, ast.Constant) and not node.test.value:
        return [child for child in children if child not in node.body]
    if isinstance(node, ast.Try | ast.TryStar) and any(_hides_failures(handler) for handler in node.handlers):
        return [child for child in children if child not in node.body]
    return children


def _hides_failures(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler takes an `AssertionError` and then does no more than print or leave."""
    caught = {_name_of(node) for node in ast.walk(handler.type)} if handler.type else {"BaseException"}
    return bool(caught & {"AssertionError", "Exception", "BaseException"}) and all(map(_says_nothing, handler.body))


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return statement.value is None
    if isinstance(statement, ast.Expr):
        value = statement.value
        return isinstance(value, ast.Constant) or (isinstance(value, ast.Call) and _name_of(value.func) == "print")
    return isinstance(statement, ast.Pass | ast.Continue)


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ALL_NAMES = ("globals", "locals", "vars", "getattr")
"""What finds a function by its name in a text."""


def _name_of(node: ast.AST) -> str:
    """Give the name that an expression reads. Empty where it reads none."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _compares(value: ast.expr) -> bool:
    return isinstance(value, ast.Compare | ast.BoolOp) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    )


def _always_true(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return bool(value.value)
    if isinstance(value, ast.BoolOp):
        return (any if isinstance(value.op, ast.Or) else all)(_always_true(part) for part in value.values)
    if isinstance(value, ast.Compare):
        sides = [ast.dump(side) for side in (value.left, *value.comparators)]
        calls = any(isinstance(node, ast.Call) for node in ast.walk(value))
        return len(set(sides)) == 1 and not calls and all(isinstance(op, _REFLEXIVE) for op in value.ops)
    return isinstance(value, ast.Tuple) and bool(value.elts)


_REFLEXIVE = (ast.Eq, ast.LtE, ast.GtE, ast.Is)
