"""The published prompts, character by character, and what is taught in each format."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from engine import Problem, parse_problem
from training.config import ModelSection
from training.models.formats import ProgramFormat

HALF = parse_problem(
    {
        "prompt": 'def half(x):\n    """Halve."""\n',
        "entry_point": "half",
        "test": "def check(f):\n    assert f(4) == 2\n",
        "canonical_solution": "    return x // 2\n",
    }
)
PUBLISHED = ("apps", "mbpp", "humaneval")
MBPP = {"text": "Write f.", "test_list": ["assert f(1) == 2", "assert f(2) == 4", "assert f(3) == 6"]}


def text(name, problem):
    return ProgramFormat.of(ModelSection(prompt_format=name)).text(problem)


def test_the_apps_prompt_is_the_released_one():
    call = parse_problem(
        {"question": "Find it.", "starter_code": "def f(x):", "fn_name": "f", "inputs": [[1]], "outputs": [1]}
    )
    assert text("apps", call) == "\nQUESTION:\nFind it.\ndef f(x):\nUse Call-Based format\nANSWER:\n"
    stdin = parse_problem({"question": "Print it.", "inputs": ["1"], "outputs": ["1"]})
    assert text("apps", stdin) == "\nQUESTION:\nPrint it.\nUse Standard Input format\nANSWER:\n"


def test_the_mbpp_prompt_shows_three_asserts():
    assert text("mbpp", parse_problem(MBPP)) == (
        "You are an expert Python programmer, and here is your task: Write f. Your code should pass these tests:\n\n"
        "assert f(1) == 2\nassert f(2) == 4\nassert f(3) == 6\n[BEGIN]\n"
    )


def test_mbpp_in_the_apps_prompt_shows_them_too():
    assert text("apps", parse_problem(MBPP)) == (
        "\nQUESTION:\nWrite f.\nYour code should pass these tests:\nassert f(1) == 2\nassert f(2) == 4\nassert f(3) == 6\n"
        "\nUse Call-Based format\nANSWER:\n"
    )


def test_hidden_tests_are_in_no_prompt():
    problem = parse_problem({"question": "Echo.", "inputs": ["secret"], "outputs": ["hidden"]})
    assert not any(word in text(name, problem) for name in PUBLISHED for word in ("secret", "hidden"))


def taught(problem, **section):
    return ProgramFormat.of(ModelSection(**section)).taught(problem)


def test_a_reference_is_taught_as_what_the_policy_should_write_after_the_prompt():
    solution = "    return x // 2\n"
    assert taught(HALF, prompt_format="humaneval") == (solution,)
    assert taught(HALF, prompt_format="humaneval", extract="fence") == (f"```python\n{solution}```",)
    assert taught(HALF) == (HALF.prompt + solution,)


def test_references_that_would_be_read_as_other_programs_are_not_taught():
    other = replace(
        HALF, references=("def half(x): return x // 2\n", f"{HALF.prompt}    return g(x)\n\ndef g(x): pass\n")
    )
    assert taught(other, prompt_format="humaneval") == ()
    assert taught(other) == other.references
    fences = replace(HALF, references=('"""\n```\n"""\nx = 1\n', "x = 1\n"))
    assert taught(fences, extract="fence") == ("```python\nx = 1\n```",)


@given(st.sampled_from(PUBLISHED), st.sampled_from(("whole", "fence")), st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_taught_is_read_back(name, extract, prompt, reference):
    how = ProgramFormat.of(ModelSection(prompt_format=name, extract=extract))
    problem = Problem("p", (), prompt=prompt, references=(reference, prompt + reference))
    programs = {text.encode(errors="replace").rstrip() for text in problem.references}
    for text in how.taught(problem):
        assert how.completion.program(text.encode(errors="replace"), problem).text.rstrip() in programs


def test_a_prompt_that_is_continued_keeps_its_end_when_it_is_too_long():
    continued = ProgramFormat.of(ModelSection(prompt_format="humaneval"))
    assert HALF.prompt.endswith(continued.shortened(HALF, 0.5).prompt)
    assert HALF.prompt.startswith(ProgramFormat.of(ModelSection()).shortened(HALF, 0.5).prompt)
    assert continued.shortened(HALF, 0.0).prompt == ""
