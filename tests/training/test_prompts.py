"""The published prompts, character by character."""

from engine import parse_problem
from training.prompts import FORMATS

MBPP = {"text": "Write f.", "test_list": ["assert f(1) == 2", "assert f(2) == 4", "assert f(3) == 6"]}


def test_the_apps_prompt_is_the_released_one():
    call = parse_problem(
        {"question": "Find it.", "starter_code": "def f(x):", "fn_name": "f", "inputs": [[1]], "outputs": [1]}
    )
    assert FORMATS["apps"].text(call) == "\nQUESTION:\nFind it.\ndef f(x):\nUse Call-Based format\nANSWER:\n"
    stdin = parse_problem({"question": "Print it.", "inputs": ["1"], "outputs": ["1"]})
    assert FORMATS["apps"].text(stdin) == "\nQUESTION:\nPrint it.\nUse Standard Input format\nANSWER:\n"


def test_the_mbpp_prompt_shows_three_asserts():
    assert FORMATS["mbpp"].text(parse_problem(MBPP)) == (
        "You are an expert Python programmer, and here is your task: Write f. Your code should pass these tests:\n\n"
        "assert f(1) == 2\nassert f(2) == 4\nassert f(3) == 6\n[BEGIN]\n"
    )


def test_mbpp_in_the_apps_prompt_shows_them_too():
    assert FORMATS["apps"].text(parse_problem(MBPP)) == (
        "\nQUESTION:\nWrite f.\nYour code should pass these tests:\nassert f(1) == 2\nassert f(2) == 4\nassert f(3) == 6\n"
        "\nUse Call-Based format\nANSWER:\n"
    )


def test_hidden_tests_are_in_no_prompt():
    problem = parse_problem({"question": "Echo.", "inputs": ["secret"], "outputs": ["hidden"]})
    assert not any(word in form.text(problem) for form in FORMATS.values() for word in ("secret", "hidden"))
