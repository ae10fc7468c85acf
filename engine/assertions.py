"""Read assertions as text: the plainest shape, `assert f(literals) == literal`, and where a test's statements end.

Nearly all of MBPP has that shape. The call goes to the sandbox, the value stays here, and no referee is needed.
"""

from __future__ import annotations

import ast
import functools
import itertools
from typing import NamedTuple, TypeGuard

from engine.text import ProgramText


class Equality(NamedTuple):
    """`assert name(*args, **kwargs) == expected`, taken apart."""

    name: str
    args: tuple[object, ...]
    kwargs: dict[str, object]
    expected: object


@functools.lru_cache(4096)
def settled(source: str) -> str:
    """`source` with a call of `__settle__` after each simple statement, for the referee: only then are changes made to
    arguments seen. What a statement compares with is then worked out before a program can have touched it.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    data = source.encode()
    text = ProgramText(data)
    ends = {
        text.line_start(node.end_lineno or 0) + (node.end_col_offset or 0) for node in ast.walk(tree) if _calls(node)
    }
    parts = [data[start:end] for start, end in itertools.pairwise([0, *sorted(ends), len(data)])]
    return b"; __settle__()".join(parts).decode()


def checked(source: str) -> str:
    """`source` with a call of `__checked__` in place of each `f(...) == value` that is asserted, if there is any.

    The referee decides then: by the checker if `f` is the program's, by `==` if it is not.
    """
    rewriting = _Checked()
    tree = rewriting.visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree)) if rewriting.found else source


class _Checked(ast.NodeTransformer):
    found = False

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            call = test.left
            if isinstance(call, ast.Call):
                self.found = True
                given = ast.List(call.args, ast.Load())
                named = ast.Call(ast.Name("dict", ast.Load()), [], call.keywords)
                none = ast.arguments([], [], None, [], [], None, [])
                arguments = [call.func, given, named, ast.Lambda(none, test.comparators[0])]
                node.test = ast.Call(ast.Name("__checked__", ast.Load()), arguments, [])
        return node


def _calls(node: ast.AST) -> TypeGuard[ast.stmt]:
    """Say whether `node` is a simple statement in which something is called."""
    simple = isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Assert)
    return simple and any(isinstance(inner, ast.Call) for inner in ast.walk(node))


def equality(source: str) -> Equality | None:
    """Find the call and the value of a plain assertion. None for any other source."""
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
