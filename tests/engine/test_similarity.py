"""CodeBLEU's syntax and data-flow match: by hand on small pairs, and through the workers on hostile text."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine import Analyser, AnalysisLimits, Similarity
from engine.analysis.similarity import data_flows, dataflow_match, similarity, syntax_match

ADD = b"def add(a, b):\n    total = a + b\n    return total\n"
RENAMED = b'def plus(x, y):\n    """Sum."""\n    z = x + y  # here\n    return z\n'


def test_flows_say_where_values_come_from():
    assert data_flows(ADD) == [
        ("a", "comes from", ("a",)),
        ("b", "comes from", ("b",)),
        ("total", "computed from", ("a", "b")),
        ("total", "comes from", ("total",)),
    ]


def test_a_loop_reads_what_its_last_round_assigned():
    flows = data_flows(b"for i in xs:\n    print(last)\n    last = i\n")
    assert flows == [
        ("i", "computed from", ("xs",)),
        ("last", "comes from", ("last",)),
        ("i", "comes from", ("i",)),
        ("last", "computed from", ("i",)),
    ]


def test_several_targets_take_their_own_values():
    assert data_flows(b"a, b = c, 2\n") == [("a", "computed from", ("c",)), ("b", "computed from", ("2",))]


def test_names_comments_and_docstrings_do_not_count():
    assert syntax_match(RENAMED, ADD) == dataflow_match(RENAMED, ADD) == 1.0


def test_the_syntax_match_is_the_share_of_the_references_subtrees():
    # module, 2 expression statements, assignment, call, argument list; of those the program below has
    # one expression statement and its assignment
    reference = b"x = 1\nprint(x)\n"
    assert syntax_match(b"y = 2\ny\n", reference) == pytest.approx(2 / 6)
    assert syntax_match(b"x = 1\nprint(x\n", reference) == pytest.approx(2 / 6)  # also of what does not parse
    assert syntax_match(b"", reference) == 0.0


def test_a_subtree_is_matched_as_often_as_it_is_there():
    # reference: module, 2 statements, 2 assignments; the program has one statement and one assignment
    assert syntax_match(b"a = 1\n", b"a = 1\nb = 2\n") == pytest.approx(2 / 5)


def test_the_dataflow_match_is_the_share_of_the_references_flows():
    # (a from 1), (b from a), (a read); the program has the first only
    assert dataflow_match(b"x = 5\n", b"a = 1\nb = a\n") == pytest.approx(1 / 3)
    assert dataflow_match(ADD, b"pass\n") == 0.0  # no flow to match


def test_the_most_similar_reference_counts():
    assert similarity(ADD, [b"pass\n", RENAMED]) == Similarity(1.0, 1.0)
    assert similarity(ADD, []) == Similarity()


def test_text_from_anywhere_makes_a_program_no_more_alike():
    stub = b"def add(a, b):\n    return 0\n"
    other = b"".join(
        b"def f%d(x, y=1):\n    z = x + y\n    for i in z:\n        z = i\n    return z\n" % i for i in range(50)
    )
    assert dataflow_match(stub + other, ADD) == 0.5  # as CodeBLEU has it
    farmed = similarity(stub + other, [ADD])
    assert farmed.syntax < 0.05
    assert farmed.dataflow < 0.05
    assert similarity(ADD + other, [ADD]).syntax < similarity(ADD, [ADD]).syntax == 1.0


def test_a_program_no_larger_than_the_reference_has_the_published_numbers():
    reference = b"x = 1\nprint(x)\n"
    assert similarity(b"y = 2\ny\n", [reference]).syntax == syntax_match(b"y = 2\ny\n", reference)


def test_the_process_that_asks_never_loads_the_parser():
    check = "import engine, sys; assert 'tree_sitter' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)


HOSTILE = [b"(" * 60_000, b"x=[" * 20_000, b"-" * 60_000 + b"1", b"\xff\0", b"for i in x:\n " * 4_000, b"f(a" * 20_000]


def test_workers_compare_between_readings_and_survive_hostile_text():
    with Analyser(limits=AnalysisLimits(seconds=2.0)) as analyser:
        references = (ADD.decode(),)
        answers = [analyser.compare(program, references) for program in (*HOSTILE, RENAMED)]
        *hostile, alike = [answer.result() for answer in answers]
        assert all(0 <= each.syntax < 0.5 and each.dataflow < 0.5 for each in hostile)
        assert alike == Similarity(1.0, 1.0)
        assert analyser.compare(ADD, ()).result() == Similarity()
