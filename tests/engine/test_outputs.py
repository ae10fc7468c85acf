"""What a program answers to inputs, with nothing to compare it with."""

import pytest

from engine import CallTest, ErrorKind, Judge, Limits, Problem, StdinTest, parse_problem


@pytest.fixture(scope="module")
def judge():
    with Judge(limits=Limits(cpu_seconds=0.5, memory_bytes=256 << 20)) as judge:
        yield judge


def outputs(judge, program, problem):
    return judge.outputs(program.encode(), problem).result()


def calls(*arguments):
    return Problem("p", tuple(CallTest(each, None) for each in arguments), entry_point="f")


def test_returned_values_come_back_as_plain_data_whatever_was_expected(judge):
    got = outputs(judge, "def f(x): return {1: (x, [x])}", calls((1,), ("a",)))
    assert [output.value for output in got] == [{1: (1, [1])}, {1: ("a", ["a"])}]
    assert all(output.answered for output in got)


def test_printed_text_comes_back_whole(judge):
    problem = Problem("p", (StdinTest("3\n", ""), StdinTest("4\n", "never printed")))
    got = outputs(judge, "print('x' * 3000 + input())", problem)
    assert [output.value for output in got] == ["x" * 3000 + "3\n", "x" * 3000 + "4\n"]


def test_an_error_at_one_input_leaves_the_others_their_answers(judge):
    program = "def f(x):\n    while x == 2: pass\n    return 1 // x"
    one, zero, loop, three = outputs(judge, program, calls((1,), (0,), (2,), (-1,)))
    assert (one.value, three.value) == (1, -1)
    assert (zero.error.type, zero.value, zero.answered) == ("ZeroDivisionError", None, False)
    assert loop.error.kind is ErrorKind.TIMEOUT


def test_a_program_that_does_not_compile_has_its_error_at_every_input(judge):
    got = outputs(judge, "def f(x) return x", calls((1,), (2,)))
    assert [output.error.kind for output in got] == [ErrorKind.SYNTAX] * 2


def test_an_object_of_the_programs_own_class_is_only_named(judge):
    (output,) = outputs(judge, "class A: pass\ndef f(x): return A()", calls((1,)))
    assert repr(output.value) == "<A>"


def test_a_plain_assertion_has_an_answer_and_any_other_is_refused(judge):
    (output,) = outputs(judge, "def f(x): return x + 1", parse_problem({"test_list": ["assert f(1) == 0"]}))
    assert output.value == 2
    with pytest.raises(ValueError, match=r"tests\[0\]"):
        judge.outputs(b"", parse_problem({"test_list": ["assert f(1) in (1, 2)"]}))


def test_another_hash_seed_shows_what_depends_on_the_order_of_sets():
    program, problem = "def f(x): return list(set(x))", calls((tuple("abcdefghij"),))
    orders = []
    for seed in (0, 1):
        with Judge(hash_seed=seed) as judge:
            (output,) = outputs(judge, program, problem)
            orders.append(output.value)
    assert sorted(orders[0]) == sorted(orders[1]) == list("abcdefghij")
    assert orders[0] != orders[1]


def test_a_closed_judge_refuses():
    judge = Judge()
    judge.close()
    with pytest.raises(RuntimeError, match="closed"):
        judge.outputs(b"", calls((1,)))
