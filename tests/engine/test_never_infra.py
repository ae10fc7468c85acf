"""No program talks its way out of a verdict: what cannot be read or compared is the program's error or wrong answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Judge, Limits, parse_problem

ECHO = {"inputs": ["1\n", "2\n"], "outputs": ["1\n", "2\n"]}
FLOATS = {"inputs": ["1 3\n", "2 7\n"], "outputs": ["0.333333\n", "0.285714\n"]}
COUNTS = {"fn_name": "f", "inputs": [["aab"], ["zz"]], "outputs": [{"a": 2, "b": 1}, {"z": 2}]}
RATIOS = {"fn_name": "f", "inputs": [[1], [2]], "outputs": [0.25, 0.5]}
SETS = {"test_list": ['assert f("a") == {"a"}', 'assert f("b") == {"b"}']}
REFEREED = {"test_list": ["assert abs(f(1) - 1) < 1", "assert not f(2) != 2"]}
LIST = {"fn_name": "f", "inputs": [[1], [2]], "outputs": [[1], [2]]}


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=2.0)) as judge:
        yield judge


@pytest.mark.parametrize("head", ["", "# a comment\n"])
@pytest.mark.parametrize(
    "codec", ["undefined", "idna", "punycode", "utf_7", "hex", "nowhere", "unicode_escape", "rot13"]
)
def test_a_codec_of_the_programs_choice_saves_no_syntax_error(judge: Judge, codec: str, head: str) -> None:
    program = f"{head}# Author's note on the coding: {codec} characters\nfor for\nprint('\\u00e9'\n"
    execution = judge.submit(program.encode(), parse_problem(ECHO)).result()
    assert (execution.verdict, execution.error and execution.error.kind) == ("error", "syntax")


@pytest.mark.parametrize(
    ("problem", "program"),
    [
        (COUNTS, "def f(s):\n    return {10**5000 + i: 1 for i in range(len(set(s)))}"),
        (
            RATIOS,
            "from fractions import Fraction\ndef f(a):\n    x = Fraction(1, 3)\n    x._numerator = 'x'\n    return x",
        ),
        (
            RATIOS,
            "from fractions import Fraction\ndef f(a):\n    x = Fraction(1, 3)\n    x._numerator = None\n    return x",
        ),
        (RATIOS, "from decimal import Decimal\ndef f(a): return Decimal('1e999999999')"),
        (RATIOS, "from decimal import Decimal\ndef f(a): return Decimal('sNaN')"),
        (SETS, "def f(s): return {i: [] for i in range(3)}.items()"),
        (SETS, "def f(s): return {1: 2}.values()"),
        (LIST, "def f(x): return {}.keys()"),
        (LIST, "def f(x):\n    a = []\n    for _ in range(59): a = [a]\n    return a"),
        (FLOATS, "print('1' * 1_000_000 + 'x')"),
        (FLOATS, "print('1' * 1_000_000 + '.0.0')"),
        (FLOATS, "print('1e' * 400_000)"),
        (ECHO, "import os; os.lseek(3, 24, 0); os.write(3, b'\\n' * 1_000_000); print('x')"),
        (REFEREED, "import os\ndef f(x):\n    os.lseek(3, 24, 0); os.write(3, b'\\n' * 1_000_000)\n    return -1"),
        (REFEREED, "import os\ndef f(x):\n    os.lseek(3, 24, 0); os.write(3, b'{}' * 500_000)\n    return -1"),
    ],
)
def test_an_answer_that_is_hard_to_read_is_wrong(judge: Judge, problem: dict[str, object], program: str) -> None:
    execution = judge.submit(program.encode(), parse_problem(problem)).result()
    assert execution.verdict in ("failed", "error")
    assert {result.verdict for result in execution.tests} <= {"failed", "error"}
    assert execution.infra_reason == ""


def test_numbers_of_the_library_equal_what_python_says_they_equal(judge: Judge) -> None:
    problem = parse_problem({"fn_name": "f", "inputs": [[1], [2]], "outputs": [1, 2]})
    for kind, module in (("Decimal", "decimal"), ("Fraction", "fractions")):
        program = f"from {module} import {kind}\ndef f(x): return {kind}(x)"
        assert judge.submit(program.encode(), problem).result().verdict == "passed"
