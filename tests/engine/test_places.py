"""Where a program's error is: the innermost place in its own text, as CPython gives it, for every kind of error.

Expected texts are written by hand from what CPython points at; `NEWER` has those that a later version points at.
"""

import sys
from collections.abc import Iterator

import pytest

from engine import ErrorKind, Judge, parse_problem

ECHO = parse_problem({"inputs": ["a\n"], "outputs": ["a\n"]})


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


RUNTIME = {
    "lambda in a call": ("print(sorted([1, 'a'],\n  key=lambda v: v +\n    1))", "TypeError", "v +\n    1"),
    "nested comprehension": (
        "m = [[1], None]\nprint([x for r in m for x in r])",
        "TypeError",
        "[x for r in m for x in r]",
    ),
    "generator expression": ("g = (1 / n for n in (1, 0))\nprint(sum(g))", "ZeroDivisionError", "1 / n"),
    "dict comprehension": ("print({k: 1 // k for k in (2, 0)})", "ZeroDivisionError", "1 // k"),
    "set comprehension in a function": ("def f(a):\n    return {n.x for n in a}\nf([1])", "AttributeError", "n.x"),
    "class body in a function": (
        "def f():\n    class A:\n        x = 1\n        y = x + 'a'\nf()",
        "TypeError",
        "x + 'a'",
    ),
    "method": ("class A:\n    def m(self): return self.q\nA().m()", "AttributeError", "self.q"),
    "decorator with arguments": ("def d(x): return lambda f: f.none\n@d(1)\ndef f(): pass", "AttributeError", "f.none"),
    "decorator that is no function": ("@5\ndef f(): pass", "TypeError", "5"),
    "decorated": (
        "import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n    return w\n@d\ndef f(x): return x[0]\nf(3)",
        "TypeError",
        "x[0]",
    ),
    "arguments over lines": ("def f(a, b): return a\nf(\n  1,\n  [][0],\n)", "IndexError", "[][0]"),
    "call over lines": ("int(\n  'x',\n  10,\n)", "ValueError", "int(\n  'x',\n  10,\n)"),
    "method chain": ("('abc'\n .upper()\n .nope()\n .lower())", "AttributeError", "nope"),
    "binary over lines": ("x = (1\n +\n 'a')", "TypeError", "1\n +\n 'a'"),
    "subscript": ("d = {}\nprint(d['k']['l'])", "KeyError", "d['k']"),
    "augmented": ("x = None\nx += 1", "TypeError", "x += 1"),
    "unpacking": ("a, b = map(int, '1'.split())", "ValueError", "a, b"),
    "star arguments": ("def f(a): pass\nf(*[1, 2])", "TypeError", "f(*[1, 2])"),
    "f-string": ("x = 'a'\nprint(f'é {x:d}')", "ValueError", "f'é {x:d}'"),
    "f-string expression": ("x = None\nprint(f'é {x + 1}')", "TypeError", "x + 1"),
    "callback": ("print(list(map(lambda s: int(s), ['1', 'x'])))", "ValueError", "int(s)"),
    "key function": ("def k(a): return a.z\n[2, 1].sort(key=k)", "AttributeError", "a.z"),
    "match": ("match 3:\n    case int(a, b): pass", "TypeError", "int(a, b)"),
    "async": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return [][1]\nasyncio.run(f())",
        "IndexError",
        "[][1]",
    ),
    "task group": (
        "import asyncio\nasync def f(): raise ValueError(1)\nasync def main():\n    async with asyncio.TaskGroup() as g:\n        g.create_task(f())\nasyncio.run(main())",
        "ExceptionGroup",
        "async with asyncio.TaskGroup() as g:",
    ),
    "except star": (
        "try:\n    raise ExceptionGroup('g', [ValueError(1), TypeError(2)])\nexcept* ValueError:\n    pass",
        "ExceptionGroup",
        "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    ),
    "group in a function": (
        "def f():\n    raise ExceptionGroup('a', [KeyError(1)])\nf()",
        "ExceptionGroup",
        "raise ExceptionGroup('a', [KeyError(1)])",
    ),
    "with exit": (
        "class C:\n    def __enter__(self): pass\n    def __exit__(self, *a): return a.b\nwith C(): pass",
        "AttributeError",
        "a.b",
    ),
    "deepcopy recursion": (
        "import copy\nl = []\nfor _ in range(2000): l = [l]\ncopy.deepcopy(l)",
        "RecursionError",
        "copy.deepcopy(l)",
    ),
    "json recursion": ("import json\njson.loads('[' * 100000)", "RecursionError", "json.loads('[' * 100000)"),
    "mutual recursion": ("def f(n): return g(n)\ndef g(n): return f(n)\nf(0)", "RecursionError", "g(n)"),
    "init": ("class A:\n    def __init__(self): self.x = int(None)\nA()", "TypeError", "int(None)"),
    "property": ("class A:\n    @property\n    def p(self): return self.z\nA().p", "AttributeError", "self.z"),
    "re": ("import re\nre.compile('(')", "error", "re.compile('(')"),
    "no str": ("class E(Exception):\n    __str__ = None\nraise E(1)", "E", "raise E(1)"),
    "str not str": ("class E(Exception):\n    def __str__(self): return 3\nraise E(1)", "E", "raise E(1)"),
    "str exits": ("class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E(1)", "E", "raise E(1)"),
    "from": (
        "try:\n    {}['a']\nexcept KeyError:\n    raise ValueError('b') from None",
        "ValueError",
        "raise ValueError('b') from None",
    ),
    "reraise": ("def f():\n    try: {}['a']\n    except KeyError: raise\nf()", "KeyError", "{}['a']"),
    "finally": ("def f():\n    try: return 1\n    finally: None.x\nf()", "AttributeError", "None.x"),
    "import": ("import nothing_there", "ModuleNotFoundError", "import nothing_there"),
    "from import": ("from math import nothing", "ImportError", "from math import nothing"),
    "not callable": ("x = 3\nx(\n 1)", "TypeError", "x(\n 1)"),
    "input": ("int(input())", "ValueError", "int(input())"),
    "walrus": ("print((y := 3) + (z := 'a'))", "TypeError", "(y := 3) + (z := 'a')"),
    "conditional": ("x = 1 if None > 2 else 3", "TypeError", "None > 2"),
    "await": ("async def f(): await None\nf().send(None)", "TypeError", "await None"),
    "generator throw": ("def g():\n    yield\n    yield 1 + 'a'\nx = g(); next(x); next(x)", "TypeError", "1 + 'a'"),
    "default argument": ("def f(a=nope): pass", "NameError", "nope"),
    "annotation": ("x: nope = 1", "NameError", "nope"),
    "global": ("def f():\n    x = x + 1\nf()", "UnboundLocalError", "x"),
    "assert message": ("x = 1\nassert x == 2, (\n 'no')", "AssertionError", "x == 2"),
    "exec": ("exec('1 / 0')", "ZeroDivisionError", "exec('1 / 0')"),
    "eval": ("eval('a b')", "SyntaxError", "eval('a b')"),
    "tabs": ("def f():\n\treturn 'é' + 1\nf()", "TypeError", "'é' + 1"),
    "semicolons": ("a = 1; b = a.c; d = 2", "AttributeError", "a.c"),
    "continuation": ("x = 1 + \\\n    None", "TypeError", "1 + \\\n    None"),
    "del": ("del nope", "NameError", "nope"),
    "raise non-exception": ("raise 5", "TypeError", "raise 5"),
    "key error": ("d = {'é': 1}\nd['ü']", "KeyError", "d['ü']"),
    "exec deep": (
        "def f(a):\n    return (a\n        [0]\n        [1])\nf([[1]])",
        "IndexError",
        "a\n        [0]\n        [1]",
    ),
    "expression": ("x = 1\ny = (x +\n     None) * 2\n", "TypeError", "x +\n     None"),
    "lambda": ("f = lambda a: a.b\nf(1)", "AttributeError", "a.b"),
    "comprehension": ("print([1 / n for n in (1, 0)])", "ZeroDivisionError", "1 / n"),
    "class body": ("class A:\n    x = missing\n", "NameError", "missing"),
    "decorator": ("@missing\ndef f(): pass\n", "NameError", "missing"),
    "non-ASCII": ("s = 'é€😀'; t = s + 1\n", "TypeError", "s + 1"),
    "library": ("import json\njson.loads('{')\n", "JSONDecodeError", "json.loads('{')"),
    "raise": ("class E(Exception): pass\nraise E('x')", "E", "raise E('x')"),
    "recursion": ("def f(n):\n    return f(n + 1)\nf(0)\n", "RecursionError", "f(n + 1)"),
    "evil __str__": ("class E(Exception):\n    def __str__(self): raise KeyError\nraise E()", "E", "raise E()"),
}
SYNTAX = {
    "unclosed": ("print((1, 2)\nx = 3\n", "SyntaxError", "("),
    "closed twice": ("print(1))\n", "SyntaxError", ")"),
    "wrong close": ("x = (1]\n", "SyntaxError", "]"),
    "no colon": ("if 1\n    pass\n", "SyntaxError", "\n"),
    "print statement": ("print 1\n", "SyntaxError", "print 1"),
    "exec statement": ("exec 'a'\n", "SyntaxError", "exec 'a'"),
    "keyword": ("class = 3\n", "SyntaxError", "="),
    "literal": ("1 = x\n", "SyntaxError", "1"),
    "call target": ("f() = 3\n", "SyntaxError", "f()"),
    "comparison": ("if x = 3: pass\n", "SyntaxError", "x = 3"),
    "no block": ("def f():\nx = 1\n", "IndentationError", "x"),
    "unindent": ("if 1:\n        a = 1\n    b = 2\n", "IndentationError", "\n"),
    "indent": ("a = 1\n    b = 2\n", "IndentationError", " "),
    "triple": ("x = '''abc\n\n", "SyntaxError", "'"),
    "quote": ("x = 'abc\ny = 1\n", "SyntaxError", "'"),
    "dash": ("x = 1 \u2013 2\n", "SyntaxError", "\u2013"),
    "euro": ("é€ = 1\n", "SyntaxError", "€"),
    "number": ("x = 1a\n", "SyntaxError", "1"),
    "zero": ("x = 012\n", "SyntaxError", "0"),
    "f-string syntax": ("x = f'{a b}'\n", "SyntaxError", "x = f'{a b}'"),
    "f-string empty": ("x = f'{}'\n", "SyntaxError", "x = f'{}'"),
    "f-string open": ("x = f'{a'\n", "SyntaxError", "x = f'{a'"),
    "end": ("def f(", "SyntaxError", "("),
    "else": ("else:\n    pass\n", "SyntaxError", "else"),
    "return": ("return 1\n", "SyntaxError", "return 1"),
    "yield": ("class A: yield 1\n", "SyntaxError", "yield 1"),
    "break": ("break\n", "SyntaxError", "break"),
    "continue": ("def f(): continue\n", "SyntaxError", "continue"),
    "await": ("def f(): await x\n", "SyntaxError", "await x"),
    "nonlocal": ("nonlocal x\n", "SyntaxError", "nonlocal x"),
    "global": ("def f():\n    x = 1\n    global x\n", "SyntaxError", "global x"),
    "duplicate": ("def f(a, a): pass\n", "SyntaxError", "a"),
    "order": ("def f(a=1, b): pass\n", "SyntaxError", "b"),
    "arguments": ("f(a=1, 2)\n", "SyntaxError", ")"),
    "repeated": ("f(a=1, a=2)\n", "SyntaxError", "a=2"),
    "star": ("*a = 1\n", "SyntaxError", "*a"),
    "star2": ("x = *a\n", "SyntaxError", "*a"),
    "import star": ("def f(): from math import *\n", "SyntaxError", "*"),
    "future": ("x = 1\nfrom __future__ import annotations\n", "SyntaxError", "from __future__ import annotations"),
    "backslash": ("x = 1 \\ 2\n", "SyntaxError", " "),
    "escape": ("x = '\\N{nothing}'\n", "SyntaxError", "x = '\\N{nothing}'"),
    "hex escape": ("x = '\\x1'\n", "SyntaxError", "x = '\\x1'"),
    "bytes": ("x = b'é'\n", "SyntaxError", "b'é'"),
    "comma": ("[1 2]\n", "SyntaxError", "1 2"),
    "dict": ("{1: 2, 3}\n", "SyntaxError", "3"),
    "try": ("try:\n    pass\nx = 1\n", "SyntaxError", "x"),
    "decorated nothing": ("@a\nx = 1\n", "SyntaxError", "x"),
    "match": ("match x:\n    case a: pass\n    case b: pass\n", "SyntaxError", "a"),
    "del": ("del f()\n", "SyntaxError", "f()"),
    "lambda": ("lambda: (yield) = 1\n", "SyntaxError", "lambda: (yield)"),
    "walrus": ("x := 1\n", "SyntaxError", ":="),
    "none": ("None = 1\n", "SyntaxError", "None"),
    "debug": ("__debug__ = 1\n", "SyntaxError", "__debug__"),
    "async": ("x = [await y for y in z]\n", "SyntaxError", "[await y for y in z]"),
    "tab": ("if 1:\n        x = 1\n\ty = 2\n", "TabError", "\t"),
    "non-ASCII": ("é = 1; return é\n", "SyntaxError", "return é"),
}
NEWER = {
    (3, 12): {
        "f-string": "{x:d}",
        "assert message": "assert x == 2, (\n 'no')",
        "f-string syntax": "a b",
        "f-string empty": "}",
        "f-string open": "'",
        "escape": "'\\N{nothing}'",
        "hex escape": "'\\x1'",
    },
    (3, 13): {"nested comprehension": "r", "task group": "asyncio.TaskGroup()", "assert message": "x == 2"},
}


def expected(case: str, text: str) -> str:
    """What this version of CPython points at."""
    if case == "bytes" and _offset(SYNTAX[case][0]) > 5:
        return "\n"  # the first ones of 3.11: the end of the literal
    for version, texts in NEWER.items():
        text = texts.get(case, text) if sys.version_info[:2] >= version else text
    return text


def _offset(program: str) -> int:
    with pytest.raises(SyntaxError) as refused:
        compile(program, "<program>", "exec")
    return refused.value.offset


def found(judge, program):
    error = judge.submit(program.encode(), ECHO).result().error
    return error, program.encode()[error.span.start_byte : error.span.end_byte].decode()


@pytest.mark.parametrize("case", RUNTIME)
def test_an_error_while_running_has_its_type_and_place(judge, case):
    program, kind, text = RUNTIME[case]
    error, place = found(judge, program)
    assert error.kind is ErrorKind.RUNTIME
    assert error.type == (kind if kind != "error" or sys.version_info < (3, 13) else "PatternError")
    assert place == expected(case, text)


@pytest.mark.parametrize("case", SYNTAX)
def test_a_refusal_of_the_compiler_has_its_type_and_place(judge, case):
    program, kind, text = SYNTAX[case]
    error, place = found(judge, program)
    assert (error.kind, error.type, place) == (ErrorKind.SYNTAX, kind, expected(case, text))


def test_the_frames_of_a_recursion_are_its_two_ends(judge):
    error, _ = found(judge, "def f(n): return f(n + 1)\ndef g(): f(0)\ng()")
    assert [frame.function for frame in error.frames[:3]] == ["<module>", "g", "f"]
    assert 10 < len(error.frames) < 60


def test_frames_of_the_library_between_the_programs_own_are_left_out(judge):
    error, _ = found(judge, "import functools\ndef f(a, b): return a / b\ndef g(): functools.reduce(f, [1, 0])\ng()")
    assert [(frame.function, frame.span.line) for frame in error.frames] == [("<module>", 4), ("g", 3), ("f", 2)]


def run(judge, program, problem):
    return judge.submit(program, problem).result()


def test_positions_are_bytes_of_the_file_as_written(judge):
    marked = b"\xef\xbb\xbfx = missing\n"
    assert run(judge, marked, ECHO).error.span.start_byte == marked.index(b"missing")
    latin = "# -*- coding: latin-1 -*-\ns = 'é' + missing\n".encode("latin-1")
    assert run(judge, latin, ECHO).error.span.start_byte == latin.index(b"missing")
    broken = "# -*- coding: latin-1 -*-\ns = 'é' + (\n".encode("latin-1")
    assert run(judge, broken, ECHO).error.span.start_byte == broken.index(b"(")
    crlf = b"x = 1\r\ny = missing\r\n"
    assert run(judge, crlf, ECHO).error.span.start_byte == crlf.index(b"missing")

    lone = b"x = 1\ry = missing\r"
    assert run(judge, lone, ECHO).error.span.start_byte == lone.index(b"missing")
    feed = b"x = 1\n\x0c\nif x:\n\ty = missing\n"
    assert run(judge, feed, ECHO).error.span.start_byte == feed.index(b"missing")
