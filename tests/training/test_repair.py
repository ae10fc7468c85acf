"""What a failed program is told, and that nothing hidden is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine import AssertTest, CallTest, Judge, Problem, StdinTest
from training.config import ModelSection
from training.models.repair import complaint, encode_repair, repair_problem, repair_prompt, split_tests

STREAM = Problem("s", (StdinTest("1 2\n", "3\n"), StdinTest("5 5\n", "10\n")), prompt="Add up.")
CALL = Problem("c", (CallTest((1,), 2),), entry_point="f")
ASSERT = Problem("a", (AssertTest("assert f(1) == 2"),), entry_point="f")


@pytest.fixture(scope="module")
def judge():
    with Judge() as started:
        yield started


def said(judge, program: str, problem: Problem) -> str:
    return complaint(judge.submit(program.encode(), problem).result(), problem)


def test_the_whole_prompt_of_a_repair_turn():
    assert repair_prompt("Add up.", "print(1)\n", "Wrong answer: 1") == (
        "Add up.\n\nThis program is wrong:\nprint(1)\n\nWrong answer: 1\nWrite it again without the mistake."
    )
    assert repair_problem(STREAM, b"\xff", "No.").prompt.startswith("Add up.\n\nThis program is wrong:\n\ufffd\n")


def test_a_prompt_that_the_completion_continues_stays_the_end_of_a_repair_prompt():
    prompt = 'def half(x):\n    """Halve."""\n'
    text = repair_prompt(prompt, f"{prompt}    return x\n", "Wrong answer: 4", continues_prompt=True)
    assert text == (
        '# This program is wrong:\n# def half(x):\n#     """Halve."""\n#     return x\n#\n# Wrong answer: 4\n'
        f"# Write it again without the mistake.\n\n{prompt}"
    )
    compile(text, "prompt", "exec")


def test_a_wrong_answer_is_told_with_what_was_asked_and_expected(judge):
    assert said(judge, "print(4)", STREAM) == "Wrong answer: 4\nInput: 1 2\nExpected: 3"
    assert said(judge, "def f(x):\n    return x", CALL) == "Wrong answer: 1\nArguments: 1\nExpected: 2"


def test_an_error_is_told_with_its_type_line_and_message(judge):
    told = said(judge, "a = 1\nprint(b)", STREAM)
    assert told.startswith("NameError in line 2: name 'b' is not defined")
    assert told.endswith("Input: 1 2\nExpected: 3")
    assert "Test: assert f(1) == 2" in said(judge, "def f(x):\n    return x", ASSERT)


def test_a_syntax_error_is_told_although_no_test_ran(judge):
    assert said(judge, "x = 1\ny = (", STREAM) == "SyntaxError in line 2: '(' was never closed"


def test_long_text_is_told_shortened(judge):
    told = said(judge, "print('x' * 5000)", STREAM)
    assert len(told) < 300


def test_addresses_that_differ_from_process_to_process_are_not_told(judge):
    assert said(judge, "print(object())", STREAM).startswith("Wrong answer: <object object at 0x...>\n")


def test_a_program_that_passes_has_nothing_to_be_told(judge):
    with pytest.raises(ValueError, match="nothing to repair"):
        said(judge, "print(sum(map(int, input().split())))", STREAM)


def test_a_prompt_that_is_too_long_keeps_the_program_and_what_is_wrong(tiny_policy):
    program, told = b"print(sum(input()))", "TypeError in line 1"
    long = replace(STREAM, prompt="Add up. " * 60)
    assert encode_repair(tiny_policy, STREAM, program, told)[1] is False
    limited = replace(tiny_policy, section=ModelSection(max_prompt_tokens=100))
    ids, cut = encode_repair(limited, long, program, told)
    text = tiny_policy.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    assert cut
    assert len(ids) <= 100
    assert text.startswith("Add up. Add up.")
    assert text.endswith(f"\n{program.decode()}\n\n{told}\nWrite it again without the mistake.\n")


def test_public_tests_are_those_shown_or_else_the_first():
    one, two = STREAM.tests
    assert [each.tests for each in split_tests(STREAM, 1)] == [(one,), (two,)]
    shown = Problem("s", STREAM.tests, public_tests=(two,))
    assert [each.tests for each in split_tests(shown, 1)] == [(two,), (one,)]


def test_where_all_tests_are_shown_all_of_them_judge():
    everything = Problem("m", ASSERT.tests, public_tests=ASSERT.tests)
    assert [each.tests for each in split_tests(everything, 1)] == [ASSERT.tests, ASSERT.tests]
