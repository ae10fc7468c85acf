"""A corpus of known bugs made from MBPP: `python -m benchmarks.mutants OUT.jsonl [--part tuning|held-out]`.

One small change to one line of each reference: an operator, a bound, a constant, a name, a condition. The problem's
own tests, and calls with its arguments changed a little whose answers the reference gives. Problems with an odd number
are the tuning part, the others are held out. What this does not do: make bugs like a model's; they are smaller.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine import CallTest, Judge, Limits, Problem, Verdict

MBPP = Path("../shared/data/mbpp.jsonl")
PER_PROGRAM = 2
MOST_TESTS = 9
_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_BINARY: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv),
    ast.Div: (ast.FloorDiv, ast.Mult),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitOr,),
}


def main() -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=["tuning", "held-out"], default="held-out")
    arguments = parser.parse_args()
    rows = corpus(arguments.part)
    arguments.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} programs")


def corpus(part: str) -> list[dict[str, Any]]:
    """The rows, in the shape of `benchmarks.localisation`; the same every time."""
    problems = [json.loads(line) for line in MBPP.read_text(encoding="utf-8").splitlines()]
    remainder = {"tuning": 1, "held-out": 0}[part]
    made: list[dict[str, Any]] = []
    with Judge(limits=Limits(cpu_seconds=1.0)) as judge:
        for problem in problems:
            if problem["task_id"] % 2 == remainder:
                made += _rows(problem, judge)
    return made


def _rows(problem: dict[str, Any], judge: Judge) -> Iterator[dict[str, Any]]:
    chance = random.Random(problem["task_id"])
    source = problem["code"].replace("\r\n", "\n").replace("\t", "    ")
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    if problem.get("test_setup_code"):
        return
    made = list(changes(tree, source))
    tests = more_tests(problem, source, judge, chance)
    if not tests:
        return
    for number, (line, program) in enumerate(chance.sample(made, min(PER_PROGRAM, len(made)))):
        yield {
            "id": f"mbpp/{problem['task_id']}/{number}",
            "program": program,
            "fixed_program": source,
            "tests": tests,
            "buggy_lines": [line],
        }


def changes(tree: ast.Module, source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each program that one change makes."""
    lines = source.split("\n")
    nodes = list(ast.walk(tree))
    names = sorted({node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)})
    names += sorted({node.arg for node in nodes if isinstance(node, ast.arg)})
    for node in nodes:
        if not isinstance(node, ast.expr) or node.lineno != node.end_lineno:
            continue
        for changed in _changed(node, names):
            text = _as_written(changed, node, source)
            bare, safe = (_replaced(lines, node, replacement) for replacement in (text, f"({text})"))
            meant = _dump(safe)
            if meant and meant != ast.dump(tree):
                yield node.lineno, bare if _dump(bare) == meant else safe


def _as_written(changed: ast.expr, node: ast.expr, source: str) -> str:
    """Write a changed expression with the strings and numbers as they stand in the original: quotes are no clue."""
    text = ast.unparse(changed)
    for constant in ast.walk(node):
        if isinstance(constant, ast.Constant) and (segment := ast.get_source_segment(source, constant)):
            text = text.replace(ast.unparse(constant), segment) if isinstance(constant.value, str | float) else text
    return text


def _replaced(lines: list[str], node: ast.expr, text: str) -> str:
    line = lines[node.lineno - 1].encode()
    new = (line[: node.col_offset] + text.encode() + line[node.end_col_offset :]).decode()
    return "\n".join([*lines[: node.lineno - 1], new, *lines[node.lineno :]])


def _dump(program: str) -> str:
    try:
        return ast.dump(ast.parse(program))
    except SyntaxError:
        return ""


def _changed(node: ast.expr, names: list[str]) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=[operator]):
            for comparison in _COMPARE.get(type(operator), ()):
                yield _with(node, ops=[comparison()])
        case ast.BinOp(op=operator):
            for kind in _BINARY.get(type(operator), ()):
                yield _with(node, op=kind())
        case ast.BoolOp(op=operator):
            yield _with(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            if value > 0:
                yield ast.Constant(value - 1)
        case ast.Name(id=name, ctx=ast.Load()) if name in names:
            other = names[(names.index(name) + 1) % len(names)]
            if other != name:
                yield ast.Name(other, ast.Load())
        case ast.Call(func=ast.Name(id="range"), args=[*start, stop], keywords=[]) if len(start) < 2:
            yield _with(node, args=[*start, ast.BinOp(stop, ast.Sub(), ast.Constant(1))])
            yield _with(node, args=[*start, ast.BinOp(stop, ast.Add(), ast.Constant(1))])
        case ast.Call(func=ast.Name(id=("max" | "min") as name)):
            yield _with(node, func=ast.Name("min" if name == "max" else "max", ast.Load()))
        case ast.Call(func=ast.Name(), args=[first, second, *rest]):
            yield _with(node, args=[second, first, *rest])
        case ast.Call(func=ast.Attribute(attr=name)):
            yield _with(node, func=_with(node.func, attr=f"{name}s"))
        case ast.Subscript(slice=ast.Name() as index):
            yield _with(node, slice=ast.BinOp(index, ast.Add(), ast.Constant(1)))


def _with(node: ast.expr, **parts: object) -> ast.expr:
    changed = copy.copy(node)
    for name, value in parts.items():
        setattr(changed, name, value)
    return changed


# Tests


def more_tests(problem: dict[str, Any], source: str, judge: Judge, chance: random.Random) -> list[dict[str, Any]]:
    """The problem's own asserts and more of the kind; empty where the reference fails."""
    own = [{"assert": test} for test in problem["test_list"]]
    calls = [call for test in problem["test_list"] for call in _more_calls(test, chance)]
    chance.shuffle(calls)
    recorded = Problem(
        "answers",
        tuple(CallTest((call,), None) for call in calls[: 2 * MOST_TESTS]),
        entry_point="answer",
        prelude="def answer(call):\n    return repr(eval(call, globals()))\n",
    )
    if not calls:
        return own
    answers = judge.submit(source.encode(), recorded).result()
    for call, test in zip(calls, answers.tests, strict=False):
        if len(own) >= MOST_TESTS:
            break
        if test.verdict is Verdict.FAILED and len(test.actual) < 200 and _is_literal(_unquoted(test.actual)):
            own.append({"assert": f"assert {call} == {_unquoted(test.actual)}"})
    return own


def _unquoted(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return ""


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True


def _more_calls(test: str, chance: random.Random) -> Iterator[str]:
    """Calls like the assertion's, with arguments changed a little."""
    try:
        node = ast.parse(test).body[0]
        assert isinstance(node, ast.Assert)
        assert isinstance(node.test, ast.Compare)
        call = node.test.left
        assert isinstance(call, ast.Call)
        assert not call.keywords
        values = [ast.literal_eval(argument) for argument in call.args]
    except (SyntaxError, ValueError, AssertionError, IndexError):
        return
    for _ in range(6):
        changed = [_nudged(value, chance) for value in values]
        yield f"{ast.unparse(call.func)}({', '.join(map(repr, changed))})"


def _nudged(value: object, chance: random.Random) -> object:
    kind = chance.random()
    match value:
        case bool() | None:
            return value
        case int() | float():
            return value if kind < 0.3 else value + chance.choice([-2, -1, 1, 2, 5])
        case str():
            cut = chance.randrange(len(value) + 1)
            return value if kind < 0.3 else value[:cut] if kind < 0.6 else value[cut:] + value[:cut]
        case list() | tuple() if value:
            items = [_nudged(item, chance) for item in value] if kind < 0.5 else list(value)
            if 0.3 < kind < 0.8:
                items.pop(chance.randrange(len(items)))
            return type(value)(items)
        case _:
            return value


if __name__ == "__main__":
    main()
