"""Write trivial programs: constants, echoes, first arguments. Tests that one of them passes teach a policy to cheat.

A single built-in function of the input (`len`, `sorted`, ...) is tried separately, because it may be the right answer.
"""

from __future__ import annotations

from engine import AssertTest, CallTest, Problem, StdinTest
from engine.assertions import equality

_VALUES = ("None", "True", "False", "0", "1", "-1", "2", "0.0", "''", "[]", "()", "{}", "set()")
_CALLS_OF_ARGUMENTS = {
    "len(first argument)": "len(args[0])",
    "sum(first argument)": "sum(args[0])",
    "max(first argument)": "max(args[0])",
    "min(first argument)": "min(args[0])",
    "sorted(first argument)": "sorted(args[0])",
    "max(arguments)": "max(args)",
    "min(arguments)": "min(args)",
    "sum(arguments)": "sum(args)",
}
_WORDS = ("0", "1", "-1", "YES", "NO", "Yes", "No", "True", "False")
_OF_INPUT = {
    "print nothing": "pass",
    "echo": "import sys; sys.stdout.write(sys.stdin.read())",
    "first line": "print(input())",
    "last line": "import sys; print(sys.stdin.read().splitlines()[-1])",
    "first word": "print(input().split()[0])",
}
_CALLS_OF_INPUT = {
    "number of lines": "import sys; print(len(sys.stdin.read().splitlines()))",
    "number of words": "import sys; print(len(sys.stdin.read().split()))",
}


def trivial_programs(problem: Problem) -> dict[str, str]:
    """Write programs, named by what they do. There are none where the tests call something without a name."""
    if _reads_input(problem):
        return {**{f"print({word!r})": f"print({word!r})" for word in _WORDS}, **_OF_INPUT}
    arguments = {f"return argument {index + 1}": f"args[{index}]" for index in range(_most_arguments(problem))}
    return _functions(problem, {**{f"return {value}": value for value in _VALUES}, **arguments})


def one_call_programs(problem: Problem) -> dict[str, str]:
    """Write programs that answer with one built-in function of the input, named by it."""
    return _CALLS_OF_INPUT if _reads_input(problem) else _functions(problem, _CALLS_OF_ARGUMENTS)


def _reads_input(problem: Problem) -> bool:
    return any(isinstance(test, StdinTest) for test in problem.tests)


def _functions(problem: Problem, values: dict[str, str]) -> dict[str, str]:
    if not problem.entry_point:
        return {}
    return {
        name: f"def {problem.entry_point}(*args, **kwargs):\n    return {value}\n" for name, value in values.items()
    }


def has_one_answer(problem: Problem) -> bool:
    """Say whether all tests expect the same output, so that one constant passes."""
    return len({_expected(test) for test in problem.tests}) == 1


def _expected(test: object) -> str:
    if isinstance(test, StdinTest):
        return " ".join(test.expected.split())
    if isinstance(test, CallTest):
        return repr(test.expected)
    assert isinstance(test, AssertTest)
    plain = equality(test.source)
    return test.source if plain is None else repr(plain.expected)


def _most_arguments(problem: Problem) -> int:
    counts = [1]
    for test in problem.tests:
        if isinstance(test, CallTest):
            counts.append(len(test.args))
        elif isinstance(test, AssertTest) and (plain := equality(test.source)) is not None:
            counts.append(len(plain.args))
    return max(counts)
