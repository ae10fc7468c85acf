"""Assertions of the plainest shape, `assert f(literals) == literal`: a call and what it must return.

Nearly all of MBPP looks like this. The call goes to the sandbox, the value stays here, and no referee is needed.

What this module does not do: run anything, or understand any other assertion (the referee runs those).
"""

from __future__ import annotations

import ast
from typing import NamedTuple


class Equality(NamedTuple):
    """`assert name(*args, **kwargs) == expected`, taken apart."""

    name: str
    args: tuple[object, ...]
    kwargs: dict[str, object]
    expected: object


def equality(source: str) -> Equality | None:
    """The call and the value of a plain assertion; None for any other source."""
    try:
        statements = ast.parse(source).body
        if len(statements) != 1 or not isinstance(statements[0], ast.Assert):
            return None
        test = statements[0].test
        if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
            return None
        call = test.left
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return None
        args = tuple(ast.literal_eval(argument) for argument in call.args)
        kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
        if len(kwargs) != len(call.keywords):
            return None
        return Equality(call.func.id, args, kwargs, ast.literal_eval(test.comparators[0]))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
