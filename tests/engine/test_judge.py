"""The judge on honest programs: verdicts, errors and their places, whatever way of input and output they use."""

import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from engine import CallTest, ErrorKind, Judge, Limits, Problem, StdinTest, Verdict, parse_problem


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=1.0, wall_factor=4.0, memory_bytes=256 << 20)) as judge:
        yield judge


SUM = parse_problem({"inputs": ["3\n5 1 9\n", "4\n10 20 30 41\n"], "outputs": ["15 9\n", "101 41\n"]})
DOUBLE = parse_problem({"fn_name": "double", "inputs": [[1], [2], [[3]]], "outputs": [2, 4, [3, 3]]})
ECHO = parse_problem({"inputs": ["a\n"], "outputs": ["a\n"]})


def run(judge, program, problem, **options):
    if isinstance(program, str):
        program = textwrap.dedent(program).encode()
    return judge.submit(program, problem, **options).result()


def span_text(program: str, execution) -> str:
    span = execution.error.span
    return textwrap.dedent(program).encode()[span.start_byte : span.end_byte].decode()


def test_every_test_has_its_own_result(judge):
    program = "n = int(input())\na = input().split()\nif n == 3: raise KeyError(a[0])\nprint(101, 41)"
    execution = run(judge, program, SUM)
    assert [test.verdict for test in execution.tests] == [Verdict.ERROR, Verdict.PASSED]
    assert (execution.verdict, execution.error.type, execution.pass_ratio) == (Verdict.ERROR, "KeyError", 0.5)


def test_module_state_does_not_leak_between_tests(judge):
    program = "seen = []\ndef double(x):\n    seen.append(x)\n    return x * 2 if len(seen) == 1 else None"
    assert run(judge, program, DOUBLE).verdict is Verdict.PASSED


def test_wrong_answers_fail_and_show_what_came_out(judge):
    execution = run(judge, "print(1)", SUM)
    assert (execution.verdict, execution.error) == (Verdict.FAILED, None)
    assert execution.tests[0].actual == "1\n"


@pytest.mark.parametrize(
    "program",
    [
        "def double(x): return x * 2",
        "class Solution:\n    def double(self, x): return x * 2",
        "double = lambda x: x + x",
        "def double(x):\n    print('noise')\n    return tuple(x * 2) if isinstance(x, list) else x * 2",
        "if __name__ == '__main__': raise SystemExit(3)\ndef double(x): return x * 2",
    ],
)
def test_functions_are_called(judge, program):
    assert run(judge, program, DOUBLE).verdict is Verdict.PASSED


def test_the_prelude_is_known_and_its_lines_do_not_count(judge):
    problem = Problem("p", (CallTest((1,), 2),), entry_point="f", prelude="from typing import List\nimport math\n")
    assert run(judge, "def f(x: List[int]): return x + int(math.sqrt(1))", problem).verdict is Verdict.PASSED
    execution = run(judge, "def f(x: List[int]): return y", problem)
    assert (execution.error.span.line, execution.error.span.column) == (1, 28)


MBPP = {
    "test_setup_code": "offset = 1",
    "test_list": [
        "assert set(g((1, 2), 3)) == {1, 2}",
        "assert g((offset, 1), 2) == [1, 1]",
        "assert g((3,), 0) == []",
    ],
}


def test_asserts_run_outside_the_program(judge):
    problem = parse_problem(MBPP)
    assert run(judge, "def g(t, n): return list(t)[:n]", problem).verdict is Verdict.PASSED
    execution = run(judge, "def g(t, n): return [1, 1]", problem)
    assert [test.verdict for test in execution.tests] == [Verdict.FAILED, Verdict.PASSED, Verdict.FAILED]
    assert execution.error is None
    execution = run(judge, "def g(t, n):\n    if n == 2: return t.nothing\n    return list(t)[:n]", problem)
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED, Verdict.ERROR, Verdict.PASSED]
    assert (execution.error.type, execution.error.span.column) == ("AttributeError", 22)


def test_a_crash_in_one_assert_leaves_the_others(judge):
    execution = run(
        judge, "import os\ndef g(t, n):\n    if n == 2: os._exit(0)\n    return list(t)[:n]", parse_problem(MBPP)
    )
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED, Verdict.ERROR, Verdict.PASSED]
    assert execution.error.kind is ErrorKind.CRASHED


HUMAN_EVAL = {
    "prompt": "from typing import List\n\ndef aid(x):\n    return x + 1\n\ndef f(x: List[int]) -> int:\n    '''Doc.'''\n",
    "entry_point": "f",
    "test": "def check(candidate):\n    for i in range(50):\n        assert candidate([i]) == aid(i)\n    try:\n        candidate([])\n        assert False\n    except IndexError:\n        pass\n",
}


def test_human_eval_check(judge):
    problem = parse_problem(HUMAN_EVAL)
    assert run(judge, "def f(x: List[int]) -> int: return aid(x[0])", problem).verdict is Verdict.PASSED
    assert run(judge, "def f(x): return 1", problem).verdict is Verdict.FAILED
    assert run(judge, "def f(x): return y", problem).error.type == "NameError"
    assert run(judge, "def g(x): return 1", problem).error.type == "NameError"


def test_objects_of_the_program_can_be_set_up_by_a_test(judge):
    problem = parse_problem(
        {"test_setup_code": "root = Node(1)\nroot.left = Node(2)", "test_list": ["assert total(root) == 3"]}
    )
    program = "class Node:\n    def __init__(self, v): self.v, self.left = v, None\ndef total(n): return n.v + (total(n.left) if n.left else 0)"
    assert run(judge, program, problem).verdict is Verdict.PASSED


def test_large_inputs_and_outputs_pass(judge):
    text = "x" * 5_000_000
    problem = Problem("p", (StdinTest(text, text), CallTest(([0] * 50_000,), [0] * 50_000)), entry_point="f")
    assert run(judge, "f = lambda x: x\nif __name__ == '__main__': print(input())", problem).verdict is Verdict.PASSED


def test_a_verdict_does_not_depend_on_chance():
    program = "import random\nprint(random.random(), hash('text'), random.sample(range(99), 3), {'a', 'b', 'c'})"
    seen = set()
    for _ in range(2):
        with Judge() as fresh:
            seen.add(run(fresh, program, ECHO).tests[0].actual)
    assert len(seen) == 1


def test_printing_too_much_in_an_asserted_function_is_an_output_limit(judge):
    execution = run(judge, "def g(t, n):\n    while True: print('x' * 1000)", parse_problem(MBPP))
    assert execution.error.kind is ErrorKind.OUTPUT_LIMIT


def test_a_test_too_slow_for_the_answer_is_a_timeout(judge):
    problem = parse_problem({"test_list": ["assert all(i >= 0 for i in range(f(1)))"]})
    execution = run(judge, "def f(x): return 10 ** 15", problem)
    assert (execution.error.kind, execution.error.frames) == (ErrorKind.TIMEOUT, ())


def test_after_three_timeouts_the_rest_is_not_run(judge):
    with Judge(limits=Limits(cpu_seconds=0.1, timeouts=2)) as hasty:
        problem = Problem("p", tuple(StdinTest("", "") for _ in range(6)))
        execution = run(hasty, "while True: pass", problem)
    assert [test.error.kind for test in execution.tests] == [ErrorKind.TIMEOUT] * 6
    assert [test.error.message.startswith("not run") for test in execution.tests] == [False] * 2 + [True] * 4


def traced(judge, program, problem):
    first = run(judge, program, problem)
    return judge.trace_lines(program.encode(), problem, first).result()


def test_executed_lines_of_each_test(judge):
    program = "n = int(input())\nif n == 3:\n    x = 1\nelse:\n    x = 2\nprint(x)\n"
    execution = traced(judge, program, SUM)
    assert [test.executed_lines for test in execution.tests] == [{1, 2, 3, 6}, {1, 2, 5, 6}]
    assert run(judge, program, SUM).tests[0].executed_lines is None
    execution = traced(judge, "def g(t, n):\n    if n == 3:\n        return list(t)\n    return 0", parse_problem(MBPP))
    assert [test.executed_lines for test in execution.tests] == [{1, 2, 3}, {1, 2, 4}, {1, 2, 4}]


def test_identical_submissions_in_flight_are_judged_once(judge):
    program = b"import time; time.sleep(1.5); print(input())"
    patient = replace(ECHO, time_limit=9.0)
    futures = [judge.submit(program, patient) for _ in range(5)]
    assert len({id(future) for future in futures}) == 1
    assert futures[0].result().verdict is Verdict.PASSED
    again = judge.submit(program, patient)
    assert again is not futures[0]
    again.result()


def test_submissions_from_many_threads_all_come_back(judge):
    verdicts = []

    def submit(number: int) -> None:
        futures = [judge.submit(f"print({number * 100 + i})".encode(), ECHO) for i in range(40)]
        verdicts.extend(future.result().verdict for future in futures)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [Verdict.FAILED] * 200


def test_closing_finishes_what_was_submitted_and_takes_no_more():
    with Judge() as short:
        futures = [short.submit(f"print(input())#{i}".encode(), ECHO) for i in range(30)]
    assert all(future.done() and future.result().verdict is Verdict.PASSED for future in futures)
    with pytest.raises(RuntimeError):
        short.submit(b"", ECHO)


def test_leaving_by_an_error_abandons_what_waits():
    futures = []
    with pytest.raises(KeyError), Judge() as short:  # noqa: PT012
        futures = [short.submit(f"import time; time.sleep(0.2)#{i}".encode(), ECHO) for i in range(50)]
        raise KeyError
    assert [future.result().verdict for future in futures][-1] is Verdict.INFRA


def test_a_forged_record_with_a_number_larger_than_any_float_is_no_failure_of_ours(judge):
    forged = """import os; os.pwrite(3, b'{"i":0,"end":2,"cpu":1' + b'0' * 400 + b'}\\n', 24); os.write(1, b'1\\n'); os._exit(0)"""
    for output, verdict in (("1\n", Verdict.PASSED), ("2\n", Verdict.FAILED)):
        execution = judge.submit(forged.encode(), parse_problem({"inputs": [""], "outputs": [output]})).result()
        assert (execution.verdict, execution.infra_reason) == (verdict, "")


def test_a_program_that_sleeps_keeps_no_other_waiting():
    """With one worker alone, the last sleeper would end before the next program begins."""
    sleeper = b"import threading\nthreading.Event().wait()\n#"
    with Judge(workers=1, limits=Limits(cpu_seconds=8.0)) as one:
        sleepers = [one.submit(sleeper + b"%d" % number, ECHO) for number in range(3)]
        assert one.submit(b"print(input())", ECHO).result().verdict is Verdict.PASSED
        assert not sleepers[-1].done()  # the first may be, on a machine that starts processes slowly
        assert {future.result().error.kind for future in sleepers} == {ErrorKind.TIMEOUT}
        assert one.submit(b"print(input())#", ECHO).result().verdict is Verdict.PASSED
        assert len(one._threads) <= 4


def test_a_judge_with_sleepers_closes_and_leaves_nothing():
    before = threading.active_count()
    with Judge(workers=2, limits=Limits(cpu_seconds=1.0)) as judge:
        wait = b"import threading\nthreading.Event().wait()\n#"
        futures = [judge.submit(wait + b"%d" % number, ECHO) for number in range(6)]
        futures += [judge.submit(b"print(input())#%d" % number, ECHO) for number in range(30)]
    assert all(future.done() for future in futures)
    assert threading.active_count() == before
