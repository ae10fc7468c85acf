"""Assertions that expect exceptions, or give the program more than plain data."""

from collections.abc import Iterator

import pytest

from engine import Judge, Verdict, parse_problem


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


def run(judge, program, *tests):
    return judge.submit(program.encode(), parse_problem({"test_list": list(tests)})).result(60)


EXPECTS = "try:\n    f(1)\n    assert False\nexcept ValueError as error:\n    assert str(error) == 'no'"


def test_a_test_catches_the_programs_own_subclass_of_what_it_expects(judge):
    program = "class D(ValueError): pass\nclass E(D): pass\ndef f(x): raise {}('no')"
    assert run(judge, program.format("E"), EXPECTS).verdict is Verdict.PASSED
    assert run(judge, program.format("UnicodeError"), EXPECTS).verdict is Verdict.PASSED
    execution = run(judge, program.format("KeyError"), EXPECTS)
    assert (execution.verdict, execution.error.type) == (Verdict.ERROR, "KeyError")


def test_an_exception_of_the_program_that_only_bears_a_builtin_name_is_not_that_builtin(judge):
    program = "class ValueError(Exception): pass\ndef f(x): raise ValueError('no')"
    assert run(judge, program, EXPECTS).verdict is Verdict.ERROR


def test_a_subclass_that_nobody_expects_keeps_its_name(judge):
    execution = run(judge, "class E(ValueError): pass\ndef f(x): raise E('no')", "assert f(int('1')) == 2")
    assert (execution.verdict, execution.error.type, execution.error.span.line) == (Verdict.ERROR, "E", 2)


def test_functions_of_the_program_can_be_arguments(judge):
    program = "def twice(f, x): return f(f(x))\ndef add(x): return x + 1"
    assert run(judge, program, "assert twice(add, 1) == 3").verdict is Verdict.PASSED
    assert run(judge, program, "assert twice(len, 'x') == 3").error.type == "TypeError"


def test_a_callable_that_cannot_be_sent_is_never_the_programs_fault(judge):
    execution = run(judge, "def f(g): return g(2)", "assert f(lambda x: x + 1) == 3")
    assert (execution.verdict, execution.error) == (Verdict.INFRA, None)
    assert "function" in execution.infra_reason
    assert run(judge, "def f(g): return 3", "assert f(lambda x: x + 1) == 3").verdict is Verdict.PASSED
