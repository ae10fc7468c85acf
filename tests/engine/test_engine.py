"""Judge and analyser together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Engine, Limits, Source, Verdict, parse_problem

PROBLEM = parse_problem({"fn_name": "f", "inputs": [[1], [2], [-1]], "outputs": [2, 3, 0]})
TOP = parse_problem({"inputs": ["1\n"], "outputs": ["1\n"]})


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(limits=Limits(cpu_seconds=0.5, timeouts=1), trace_lines=True) as started:
        yield started


def test_a_passing_program_is_not_read(engine: Engine) -> None:
    report = engine.submit(b"def f(x):\n    return x + 1\n    unreachable\n", PROBLEM).result()
    assert report.execution.verdict is Verdict.PASSED
    assert report.diagnostics == ()


def test_a_program_as_text_is_refused_in_plain_words(engine: Engine) -> None:
    with pytest.raises(TypeError, match=r"program: must be bytes, as from text\.encode\(\), not str"):
        engine.submit("def f(x): ...", PROBLEM)  # type: ignore[arg-type]


def test_a_problem_as_a_dict_is_refused_in_plain_words(engine: Engine) -> None:
    for submit in (engine.submit, engine.judge.submit):
        with pytest.raises(TypeError, match=r"problem: must be a Problem, as from parse_problem\(\.\.\.\), not dict"):
            submit(b"def f(x): ...", {"test_list": ["assert f(1) == 2"]})  # type: ignore[arg-type]


def test_run_time_and_static_findings_meet_in_one_report(engine: Engine) -> None:
    report = engine.submit(b"def f(x):\n    if x > 1:\n        return xs\n    return x + 1\n", PROBLEM).result()
    assert [(d.source.value, d.code, d.span.line) for d in report.diagnostics if d.span] == [
        ("runtime", "NameError", 3),
        ("pylint", "E0602", 3),
        ("libcst", "undefined-name", 3),
    ]
    assert report.execution.tests[1].executed_lines == {1, 2, 3}
    assert report.execution.tests[0].executed_lines == {1, 2, 4}


def test_the_innermost_frame_of_the_program_is_the_place(engine: Engine) -> None:
    program = b"import re\ndef g(y):\n    return re.compile(y)\ndef f(x):\n    return g(x)\n"
    first = engine.submit(program, PROBLEM).result()
    assert first.diagnostics[0].span is not None
    assert program[first.diagnostics[0].span.start_byte : first.diagnostics[0].span.end_byte] == b"re.compile(y)"
    assert first.execution.error is not None
    assert [frame.function for frame in first.execution.error.frames] == ["f", "g"]


@pytest.mark.parametrize(
    ("program", "source", "code", "line"),
    [
        (b"def f(x:\n    return x\n", Source.SYNTAX, "SyntaxError", 1),
        (b"def f(x):\n  if x:\n return 1\n", Source.SYNTAX, "IndentationError", 3),
        (b"def f(x):\n    while True: pass\n", Source.RUNTIME, "timeout", None),
        (b"def f(x):\n    return [0] * 10**11\n", Source.RUNTIME, "MemoryError", 2),
        (b"class Own(Exception): pass\ndef f(x):\n    raise Own\n", Source.RUNTIME, "Own", 3),
    ],
)
def test_every_way_of_failing_has_its_finding(engine: Engine, program, source, code, line) -> None:
    first = engine.submit(program, PROBLEM).result().diagnostics[0]
    assert (first.source, first.code, first.span.line if first.span else None) == (source, code, line)


def test_distinct_errors_are_each_found_once(engine: Engine) -> None:
    program = b"def f(x):\n    if x == 1: return 1 / 0\n    return [][x]\n"
    found = engine.submit(program, PROBLEM).result().diagnostics
    assert [d.code for d in found if d.source is Source.RUNTIME] == ["ZeroDivisionError", "IndexError"]


def test_the_same_text_is_reported_once(engine: Engine) -> None:
    program = b"def f(x):\n    return x + 2\n"
    assert engine.submit(program, PROBLEM) is engine.submit(program, PROBLEM)
    assert engine.submit(program, TOP) is not engine.submit(program, PROBLEM)


def test_a_closed_engine_says_so() -> None:
    engine = Engine()
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(b"", PROBLEM)
