"""The analyser, with real worker processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine import Analyser, AnalysisLimits, Diagnostic, parse_problem
from engine.analysis.linter import Linter
from engine.text import ProgramText

CALL = parse_problem({"fn_name": "f", "inputs": [[1]], "outputs": [2]})
STREAM = parse_problem({"inputs": ["1\n"], "outputs": ["2\n"]})


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser(limits=AnalysisLimits(seconds=2.0)) as started:
        yield started


def codes(found: tuple[Diagnostic, ...]) -> list[str]:
    return [item.code for item in found]


def places(program: str, found: tuple[Diagnostic, ...], code: str) -> list[str]:
    data = program.encode()
    return [data[d.span.start_byte : d.span.end_byte].decode() for d in found if d.code == code and d.span]


def test_the_process_that_asks_never_loads_the_tools() -> None:
    check = "import engine, sys; assert not {'pylint', 'astroid', 'libcst', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.parametrize(
    "program",
    [
        "def f(x):\n    return xs\n",
        "def f(x):\r\n    return xs\r\n",
        "def f(x):\n\treturn xs\n",
        "def f(x):\n    é = 'é🎉'; return é, xs\n",
        "def f(x):\n    return [\n        i\n        for i in xs\n    ]\n",
        "def f(x):\n    return f'{x} {xs}'\n",
        "def f(x):\n    return (lambda y: xs)(x)\n",
        "def f(x):\r    return xs\r",
        "\ufeffdef f(x): return xs\n",
        "\ufeffdef f(x):\n    return xs\n",
    ],
)
def test_both_tools_point_at_the_exact_bytes(analyser: Analyser, program: str) -> None:
    found = analyser.submit(program.encode(), CALL).result()
    assert places(program, found, "E0602") == ["xs"]
    assert places(program, found, "undefined-name") == ["xs"]


@pytest.mark.parametrize(
    "pragma", ["# pylint: disable=all", "# pylint: skip-file", "# noqa", "# type: ignore", "# pylint: disable=E0602"]
)
def test_comments_cannot_switch_a_linter_off(analyser: Analyser, pragma: str) -> None:
    found = analyser.submit(f"{pragma}\ndef f(x):\n    return xs  {pragma}\n".encode(), CALL).result()
    assert "E0602" in codes(found)


def test_classes_that_the_set_up_gives_the_program_are_known_and_no_others(analyser: Analyser) -> None:
    setup = "class Node:\n    def __init__(self, v): self.v = v\nclass Oracle:\n    def answer(self): return 2"
    problem = parse_problem({"test_list": ["assert f(1) == 2"], "test_setup_code": setup})
    program = b"def f(x):\n    return Node(x).v + Oracle().answer()"
    found = {item.message for item in analyser.submit(program, problem).result() if item.code == "undefined-name"}
    assert found == {"Oracle is never bound"}


def test_names_of_the_prelude_are_known(analyser: Analyser) -> None:
    prelude = "from typing import *\nfrom collections import Counter\nimport math as m\nclass Node: pass\n"
    problem = parse_problem({"fn_name": "f", "inputs": [[1]], "outputs": [2], "prelude": prelude})
    program = b"def f(x: List[int]):\n    return Counter([m.pi]), Node, Heap\n"
    found = analyser.submit(program, problem).result()
    assert places(program.decode(), found, "E0602") == ["Heap"]
    assert places(program.decode(), found, "undefined-name") == ["Heap"]


def test_the_same_answer_comes_twice_and_never_from_another_program(analyser: Analyser) -> None:
    one, two = b"def f(x):\n    return aa\n", b"def f(x):\n    y = x\n    return bb\n"
    answers = [analyser.submit(program, CALL).result() for program in (one, two, one, two)]
    assert answers[0] == answers[2] != answers[1] == answers[3]
    assert answers[1][0].span is not None
    assert answers[1][0].span.line == 3


ELIFS = "if a == 0: pass\n" + "".join(f"elif a == {i}: pass\n" for i in range(1500))


@pytest.mark.parametrize(
    "program",
    [
        "x = " + "+".join("1" * 5000),
        ELIFS,
        "x = [" + ",".join(str(i) for i in range(30_000)) + "]\n",
        "(" * 250,
        "a\0b",
        "x = '\\ud800'\n",
        "# -*- coding: nonsense -*-\nx = 1\n",
        "\ufeffx = 1\n",
        "x = " + "9" * 10_000,
        "class A(B): pass\nclass B(A): pass\nclass A(B): pass\nB().x\n",
        "x = [0] * 10**8\ny = 'a' * 10**10\nz = 1 << 10**9\n",
        "x=2\n" + "x = x * x\n" * 60,
        "\n" * 70_000,
        "x" + ".b" * 2000,
    ],
)
def test_hostile_text_costs_its_findings_and_nothing_else(analyser: Analyser, program: str) -> None:
    analyser.submit(program.encode(), CALL).result()
    assert "E0602" in codes(analyser.submit(b"def f(x):\n    return xs\n", CALL).result())


def test_bytes_that_are_no_text_have_no_findings(analyser: Analyser) -> None:
    assert analyser.submit(b"\xff\xfe\x00", CALL).result() == ()


def test_a_linters_finding_in_a_header_leaves_the_block_out(analyser: Analyser) -> None:
    program = "with 5 as x:\n    a = 1\n    b = 2\n"
    assert places(program, analyser.submit(program.encode(), STREAM).result(), "E1129") == ["with 5 as x:"]


def test_what_parses_of_a_broken_program_is_read(analyser: Analyser) -> None:
    program = "def f(x):\n    return 'a'.push(x)\n\ndef g(:\n    pass\n\nprint(undefined)\n"
    found = analyser.submit(program.encode(), CALL).result()
    assert codes(found) == ["E1101"]
    assert places(program, found, "E1101") == ["'a'.push"]


def test_nothing_beside_the_caller_is_imported(analyser: Analyser, tmp_path, monkeypatch) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "pylintrc").write_text("[MAIN]\ninit-hook='import os; os._exit(3)'\n")
    monkeypatch.chdir(tmp_path)
    with Analyser() as local:
        program = b"import random\ndef f(x):\n    return random.randint(1, x), xs\n"
        assert codes(local.submit(program, CALL).result()) == ["E0602", "undefined-name"]


def test_findings_made_before_a_tool_is_killed_stand() -> None:
    with Analyser(limits=AnalysisLimits(seconds=0.5)) as impatient:
        program = b"def f(x):\n    return xs\n" + ELIFS.replace("a ==", "f(1) ==").encode()
        impatient.submit(program, CALL).result()
        assert codes(impatient.submit(b"xs\n", STREAM).result())[0] == "E0602"


CHECKS = [
    (
        "missing-entry-point",
        CALL,
        "def g(x):\n    return x\n",
        "class Solution:\n    def f(self, x):\n        return x\n",
    ),
    ("entry-point-arity", CALL, "def f():\n    return 1\n", "def f(x, y=2, *z):\n    return x\n"),
    ("entry-point-arity", CALL, "def f(x, *, y):\n    return x\n", "class Solution:\n    def f(self, x): return x\n"),
    (
        "call-arity",
        CALL,
        "def g(a, b): return a\ndef f(x): return g(x)\n",
        "def g(a, *b): return a\ndef f(x): return g(x)\n",
    ),
    (
        "undefined-name",
        CALL,
        "def f(x): return len(y)\n",
        "def f(x):\n    global y\n    y = 1\n    return len(y), __name__\n",
    ),
    (
        "unbound-on-a-path",
        CALL,
        "def f(x):\n    if x:\n        y = 1\n    return y\n",
        "def f(x):\n    if x:\n        y = 1\n    else:\n        raise ValueError\n    return y\n",
    ),
    (
        "unbound-on-a-path",
        CALL,
        "def f(x):\n    while x:\n        y = 1\n    return y\n",
        "def f(x):\n    while True:\n        y = 1\n        if x: break\n    return [y for y in range(y)]\n",
    ),
    (
        "unbound-on-a-path",
        CALL,
        "def f(x):\n    try:\n        y = 1\n    except ValueError as e:\n        print(e)\n    return y\n",
        "def f(x):\n    try:\n        y = 1\n    except ValueError:\n        return 2\n    finally:\n        z = 1\n    return y + z\n",
    ),
    (
        "shadowed-builtin-called",
        CALL,
        "def f(x):\n    sum = 0\n    return sum(x)\n",
        "def f(x):\n    sum = max\n    return sum(x)\n",
    ),
    (
        "shadowed-builtin-called",
        STREAM,
        "sum = 0\nfor i in input(): sum += 1\nprint(sum([1, 2]))\n",
        "n = sum([1])\nsum = 0\nlist = list(input())\nprint(n, sum, list)\ndef f(sum): return sum([1])\n",
    ),
    (
        "shadowed-builtin-called",
        CALL,
        "list = [1, 2]\ndef f(x):\n    def g(y):\n        return list(y)\n    return g(x)\n",
        "def g(x): return max(x)\ntop = g([1])\nmax = top + 1\ndef f(x): return max\n",
    ),
    (
        "shadowed-builtin-called",
        STREAM,
        "str = 'a'\nclass A:\n    def m(self): return str(1)\nprint(A().m())\n",
        "def g(x): return str(x)\nprint(g(1))\nstr = 'a'\ndef f(str): return str(1)\nmax, min = 1, 2\ndef h(): return max(1, 2)\n",
    ),
    (
        "unreachable-code",
        CALL,
        "def f(x):\n    return 1\n    x = 2\n",
        "def f(x):\n    for i in x:\n        return 1\n    x = 2\n",
    ),
    (
        "missing-return",
        CALL,
        "def f(x):\n    if x:\n        return 1\n",
        "def f(x):\n    match x:\n        case 1: return 2\n        case _: return 3\n",
    ),
    ("never-returns-value", CALL, "def f(x):\n    x + 1\n", "def f(x):\n    yield x\n"),
    ("never-returns-value", CALL, "def f(x):\n    while x: pass\n", "def f(x):\n    while True: pass\n"),
    ("never-prints", STREAM, "x = input()\n", "import sys\nsys.stdout.write(input())\n"),
    ("never-prints", STREAM, "def main():\n    print(input())\n", "def main():\n    print(input())\nmain()\n"),
    ("never-reads-input", STREAM, "print(2)\n", "print(open(0).read())\n"),
]


@pytest.mark.parametrize(("code", "problem", "wrong", "right"), CHECKS, ids=[check[0] for check in CHECKS])
def test_each_own_check_finds_its_fault_and_only_that(analyser: Analyser, code, problem, wrong, right) -> None:
    assert code in codes(analyser.submit(wrong.encode(), problem).result())
    assert code not in codes(analyser.submit(right.encode(), problem).result())


def test_messages_are_those_of_the_pylint_command_but_for_the_doubtful_ones(tmp_path, monkeypatch) -> None:
    programs = [
        "import math\ndef f(x):\n    return math.sqroot(x)\n",
        "def f(x):\n    return g(1)\ndef g(a, b):\n    return a\n",
        "class A:\n    def m(self):\n        return self.n\nA().k()\nA(1)\n",
        "def f(x):\n    y = x.append()\n    x == 2\n    return [].push(1)\n",
        "x = None\nx[0]\nprint('%d %d' % (1,))\nfor i in 5: pass\n",
        "def f(x):\n    'é' ; return undefinéd\n",
        # what methods left out of the checkers also look for
        "import os\nfrom .. import x\nfor i in range(3): pass\nprint(i)\nif 1 == 1 or len == 3: x == x\n"
        "os.getenv(1)\ng = os.getenv\ng(2)\nprint('a').format(1)\nreversed(5)\nif x == x: pass\n"
        "def f():\n    reversed({1})\n    exit()\n    return type(x) == int\n",
        # what they look for in some programs only
        "import collections.abc\nfrom numbers import Number\ncollections.abc.Mapping()\nNumber()\n"
        "def p(a, /, b): return a\np(a=1, b=2)\n[1, 2][2]\n(1, *[2])[5]\nx = [1]\nx[3]\n",
        "import abc\nclass shape(abc.ABC):\n    @abc.abstractmethod\n    def area(self): ...\nshape()\n",
        "class A:\n    def __getattr__(self, name): return 1\nA().x\n(1).nothing\n'a'.nothing\n",
    ]
    for index, program in enumerate(programs):
        (tmp_path / f"program{index}.py").write_text(program, encoding="utf-8")
    enable = "E,W0104,W0106,R1726,R1727,R0124"
    skip = "E0606,E0102,E0202,E0401"
    command = [
        sys.executable,
        "-m",
        "pylint",
        "--rcfile=/dev/null",
        "--disable=all",
        f"--enable={enable}",
        "-f",
        "json",
    ]
    files = [f"program{index}.py" for index in range(len(programs))]
    run = subprocess.run([*command, f"--disable={skip}", *files], cwd=tmp_path, capture_output=True, check=False)
    said = json.loads(run.stdout)
    linter = Linter()
    monkeypatch.setattr("engine.analysis.linter.Doubts", lambda _: None)
    for file, program in zip(files, programs, strict=True):
        text = ProgramText(program.encode())
        found = (*linter.names(program, text), *linter.values(program, text))
        ours = {(d.code, d.span.line) for d in found if d.span}
        assert ours == {(item["message-id"], item["line"]) for item in said if item["path"] == file}
        assert ours


def test_workers_must_be_at_least_one() -> None:
    with pytest.raises(ValueError, match="workers must be at least 1, is 0"):
        Analyser(workers=0)


def test_default_arguments_and_class_bodies_run_before_the_builtin_is_shadowed(analyser: Analyser) -> None:
    program = b"class A:\n    empty = list()\ndef f(x, y=list()): return x\nlist = [1]\n"
    assert "shadowed-builtin-called" not in codes(analyser.submit(program, CALL).result())


def test_the_workers_leave_no_folder_even_where_their_owner_is_killed(tmp_path) -> None:
    code = (
        "import os, signal; from engine import Analyser, parse_problem; analyser = Analyser()\n"
        "analyser.submit(b'xs', parse_problem({'inputs': ['1'], 'outputs': ['1']})).result()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    assert run.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
