"""Write problems as lines of JSON in the public shapes, which `parse_problem` reads again.

Assertions are written as in MBPP, inputs and calls as in APPS. Prelude, checker, comparison and public tests have
fields of their own that `parse_problem` knows. Fields of the original record that a `Problem` does not hold are lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine import AssertTest, CallTest, ComparisonRule, Problem, StdinTest
from training.files import write_text


def problem_record(problem: Problem) -> dict[str, object]:
    """Write the problem in MBPP's shape or in APPS's.

    Raises:
        ValueError: assertions and other tests are mixed, which no public shape can hold.
    """
    asserts = [test.source for test in problem.tests if isinstance(test, AssertTest)]
    if asserts and len(asserts) != len(problem.tests):
        raise ValueError(f"problem {problem.id}: assertions and other tests are mixed")
    record = _mbpp(problem, asserts) if asserts else _apps(problem)
    optional: dict[str, object] = {
        "starter_code": problem.starter_code,
        "prelude": problem.prelude,
        "difficulty": problem.difficulty,
        "source": problem.source,
        "checker": problem.checker,
        "comparison": "" if problem.comparison is ComparisonRule.STRICT else problem.comparison.value,
        "time_limit": problem.time_limit,
    }
    return {**record, **{name: value for name, value in optional.items() if value}, "public": [*problem.public_indices]}


def _mbpp(problem: Problem, asserts: list[str]) -> dict[str, object]:
    record: dict[str, object] = {
        "text": problem.prompt,
        "code": problem.references[0] if problem.references else "",
        "task_id": problem.id,
        "test_setup_code": problem.setup,
        "test_list": asserts,
    }
    if len(problem.references) > 1:
        record |= {"code": "", "solutions": list(problem.references)}
    if problem.entry_point:
        record["entry_point"] = problem.entry_point
    return record


def _apps(problem: Problem) -> dict[str, object]:
    tests: dict[str, object] = {}
    calls = [test for test in problem.tests if isinstance(test, CallTest)]
    if calls:
        tests["fn_name"] = problem.entry_point
        tests["inputs"] = [list(test.args) for test in calls]
        tests["outputs"] = [test.expected for test in calls]
    else:
        texts = [test for test in problem.tests if isinstance(test, StdinTest)]
        tests["inputs"] = [test.stdin for test in texts]
        tests["outputs"] = [test.expected for test in texts]
    return {"id": problem.id, "question": problem.prompt, "solutions": list(problem.references), "input_output": tests}


def write_records(path: Path, records: Iterable[Mapping[str, object]]) -> None:
    """Write one line per record. The file is written whole or not at all."""
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))
