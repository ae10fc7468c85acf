"""Places that real programs are blamed at: the same on every Python that is supported.

CPython's own positions differ between versions (f-strings, headers of loops); the statement that is blamed does not.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Engine, Limits, parse_problem
from feedback import RewardSettings, assess, token_offsets

PROBLEM = parse_problem({"fn_name": "f", "inputs": [[1], [2]], "outputs": [1, 2]})


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(limits=Limits(cpu_seconds=1.0)) as started:
        yield started


GOLDENS = [
    ("def f(x:\n    return x\n", "SyntaxError", "def f(x:"),
    ("def f(x)\n    return x\n", "SyntaxError", "def f(x)\n"),
    ("def f(x):\n    return f'{x'\n", "SyntaxError", "return f'{x'"),
    ("def f(x):\n    return f'{x!}'\n", "SyntaxError", "return f'{x!}'"),
    ("def f(x):\n    return f'''{x}\n", "SyntaxError", "return f'''{x}"),
    ("def f(x):\n    y = '''a\n    return y\n", "SyntaxError", "y = '''a"),
    ('def f(x):\n    return (x, """a\n    b\n\n', "SyntaxError", 'return (x, """a'),
    ("def f(x):\n    print 'a'\n", "SyntaxError", "print 'a'"),
    ("def f(x):\n    return (x\n\nz = 1\n", "SyntaxError", "return (x"),
    ("def f(x):\n  if x:\n\treturn 1\n        return 2\n", "TabError", "return 1"),
    ("if 1:\n        a = 1\n    b = 2\n", "IndentationError", "b = 2\n"),
    ("a = 1\n    b = 2\n", "IndentationError", "b = 2"),
    ("for i in range(3):\n\nprint(i)\n", "IndentationError", "print(i)"),
    ("def f(x):\n    if x:\n", "IndentationError", "if x:\n"),
    ("def f(x):\nreturn 1\n", "IndentationError", "return 1"),
    ("def f(x, x):\n    return 1\n", "SyntaxError", "def f(x, x):"),
    ("def f(x):\n    return x +\n", "SyntaxError", "return x +\n"),
    ("def f(x):\n    x = 'abc\n    return x\n", "SyntaxError", "x = 'abc"),
    ("def f(x):\n    é = 1 2\n", "SyntaxError", "é = 1 2"),
    ("def f(x):\n    return 0777\n", "SyntaxError", "return 0777"),
    ("def f(x):\n    nonlocal x\n", "SyntaxError", "nonlocal x"),
    ("return 5\n", "SyntaxError", "return 5"),
    ("def f(x):\n    yield = 3\n", "SyntaxError", "yield = 3"),
    ("def f(x):\n    return f'{a b}'\n", "SyntaxError", "return f'{a b}'"),
    (
        "def f(x):\n    x = f(\n        1,\n        'a',\n    ) + [][\n        3]\n    return x\n",
        "TypeError",
        "x = f(\n        1,\n        'a',\n    ) + [][\n        3]",
    ),
    ("def f(x):\n    return [y for y in zz\n        if y]\n", "NameError", "return [y for y in zz\n        if y]"),
    (
        "def f(x):\n    try:\n        return int('x'\n        )\n    finally:\n        pass\n",
        "ValueError",
        "return int('x'\n        )",
    ),
    ("def f(x):\n    with open('/nope') as g:\n        return 1\n", "FileNotFoundError", "with open('/nope') as g:"),
    ("class A:\n    pass\ndef f(x):\n    return A().foo.bar\n", "AttributeError", "return A().foo.bar"),
    ("def f(x):\n    return (x\n        .foo)\n", "AttributeError", "return (x\n        .foo)"),
    ("def f(x):\n    for i in 5:\n        pass\n", "TypeError", "for i in 5:"),
    (
        "def f(x):\n    raise ExceptionGroup('a', [ValueError(1)])\n",
        "ExceptionGroup",
        "raise ExceptionGroup('a', [ValueError(1)])",
    ),
    ("def f(x):\n    import nope\n", "ModuleNotFoundError", "import nope"),
    ("def f(x):\n    return {}[x]\n", "KeyError", "return {}[x]"),
    ("def f(x):\n    del x\n    return x\n", "UnboundLocalError", "return x"),
    ("def f(x):\n    a, b = [1]\n", "ValueError", "a, b = [1]"),
]


@pytest.mark.parametrize(("program", "code", "blamed"), GOLDENS)
def test_the_statement_that_is_blamed(engine, program: str, code: str, blamed: str | None) -> None:
    assert blamed_text(engine, program, code, RewardSettings(granularity="statement")) == blamed


EXPRESSIONS = [
    ("def f(x):\n    return [y for y in zz\n        if y]\n", "NameError", "zz"),
    ("def f(x):\n    return f'é {x} {zz + 1}'\n", "NameError", "zz"),
    ('def f(x):\n    return f"""{x}\n  {zz} b"""\n', "NameError", "zz"),
    ("def f(x):\n    del x\n    return (1,\n        x)\n", "UnboundLocalError", "x"),
    ("class A:\n    pass\ndef f(x):\n    return A().foo.bar\n", "AttributeError", "A().foo"),
    ("def f(x):\n    return [1] + [[x][x] + x]\n", "IndexError", "[x][x]"),
    ("def f(x):\n    return 'é' * (x + 'a')\n", "TypeError", "x + 'a'"),
    ("def f(x):\n    return 2 * (x // (1 - 1))\n", "ZeroDivisionError", "x // (1 - 1)"),
    ("def f(x):\n    return len(int('x'))\n", "ValueError", "int('x')"),
    ("def g(y): return (lambda: y + 'a')()\ndef f(x): return g(x)\n", "TypeError", "y + 'a'"),
    ("def f(x):\n    return 1 +* x\n", "SyntaxError", "return 1 +* x"),  # the parser's place is no culprit
]


@pytest.mark.parametrize(("program", "code", "blamed"), EXPRESSIONS)
def test_the_expression_at_fault_is_blamed_by_default_and_the_statement_of_a_syntax_error(
    engine, program: str, code: str, blamed: str
) -> None:
    assert blamed_text(engine, program, code, RewardSettings()) == blamed


FORGED = [
    "\n\n# nothing here\ndef f(x):\n    exec(compile('\\n{}raise ValueError', '<program>', 'exec'))\n",
    "# {}\ndef g():\n    raise ValueError\ndef f(x):\n    g.__code__ = g.__code__.replace(co_firstlineno=1)\n    g()\n",
    "def f(x):\n    '{}'\n    eval(compile('1 / 0', '<program>', 'eval'))\n",
]


@pytest.mark.parametrize("program", FORGED)
def test_code_that_only_bears_the_programs_name_takes_no_blame(engine, program: str) -> None:
    report = engine.submit(program.encode(), PROBLEM).result()
    blamed = report.diagnostics[0].span
    assert blamed is not None
    assert program.splitlines()[blamed.line - 1].strip().startswith(("exec(", "g()", "eval("))


RAISED = [
    "timeout",
    "memory",
    "crashed",
    "output_limit",
    "truncated",
    "suspicious",
    "IndentationError",
    "RecursionError",
]


@pytest.mark.parametrize("name", RAISED)
def test_an_exception_with_the_name_of_something_else_blames_its_line(engine, name: str) -> None:
    program = f"class {name}(Exception): pass\ndef f(x):\n    raise {name}\n"
    assert blamed_text(engine, program, name, RewardSettings(granularity="statement")) == f"raise {name}"


@pytest.mark.parametrize(
    "error", ["SystemError('x')", "KeyboardInterrupt", "UserWarning()", "IndentationError('x')", "TabError"]
)
def test_an_exception_of_the_interpreter_that_the_program_raises_blames_its_line(engine, error: str) -> None:
    report = engine.submit(f"def f(x):\n    raise {error}\n".encode(), PROBLEM).result()
    for mode in ("default", "paper"):
        first = assess(report, token_offsets([], slice(0, 0)), settings=RewardSettings(mode=mode)).blames[0]
        assert (first.category, first.span and first.span.line) == ("U_line", 2)


def blamed_text(engine: Engine, program: str, code: str, settings: RewardSettings) -> str | None:
    report = engine.submit(program.encode(), PROBLEM).result()
    first = assess(report, token_offsets([], slice(0, 0)), settings=settings).blames[0]
    assert first.diagnostic.code == code
    return program.encode()[first.span.start_byte : first.span.end_byte].decode() if first.span else None
