"""Judge a program on assertions."""

from __future__ import annotations

from engine import parse_problem


def run(judge, program, *tests, setup=""):
    problem = parse_problem({"test_list": list(tests), "test_setup_code": setup})
    return judge.submit(program.encode(), problem).result()
