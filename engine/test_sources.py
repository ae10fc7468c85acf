"""Test sources must check something: a bare comparison becomes an assertion, what checks nothing is refused.

A comparison that nobody asserts passes for every program. An assertion of a tuple or of a constant does so too.
"""

from __future__ import annotations

import ast


def asserting(source: str, tree: ast.Module, setup: ast.Module) -> str | None:
    """Give a test's source with its bare comparisons asserted.

    Args:
        source: The test as the record has it.
        tree: The same, parsed.
        setup: What runs before it, whose functions may do the checking.

    Returns:
        The source, or None where nothing in it checks anything.
    """
    bare = [statement for statement in tree.body if isinstance(statement, ast.Expr) and _compares(statement.value)]
    lines = source.encode().splitlines(keepends=True)
    for statement in reversed(bare):
        line = lines[statement.lineno - 1]
        start = statement.col_offset
        lines[statement.lineno - 1] = line[:start] + b"assert " + line[start:]
    if bare:
        return b"".join(lines).decode()
    checkers = {node.name for node in ast.walk(setup) if isinstance(node, _DEFINITIONS) and checks(node)}
    return source if checks(tree, checkers) else None


def checks(tree: ast.AST, checkers: frozenset[str] | set[str] = frozenset()) -> bool:
    """Whether anything here can fail: an assertion, a `raise`, or a call of a function that has one."""
    return any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Assert) and not _always_true(node.test))
        or (isinstance(node, ast.Call) and _is_checker(node.func, checkers))
        for node in ast.walk(tree)
    )


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _compares(value: ast.expr) -> bool:
    return isinstance(value, ast.Compare | ast.BoolOp) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    )


def _always_true(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return bool(value.value)
    return isinstance(value, ast.Tuple) and bool(value.elts)


def _is_checker(function: ast.expr, checkers: frozenset[str] | set[str]) -> bool:
    """Whether a function's name says that it checks (`assertEqual`), or its definition does."""
    name = (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )
    return name in checkers or name.lower().lstrip("_").startswith("assert")
