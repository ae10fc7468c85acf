"""Mutants: small faults, each once, none that provably changes nothing; made in a process that may die."""

import ast

import pytest

from training.quality.audit.mutants import mutants_of
from training.quality.audit.operators import OPERATORS
from training.quality.audit.reading import Limits, Reader, ReadingError

PROGRAM = '''\
import math

def f(items: list, n=3):
    """A docstring with 7 in it."""
    total = 0
    for i in range(1, n):
        if i % 2 == 0 and not items[:i]:
            continue
        total += max(items) - i
    return total if total > 10 else -total
'''


def test_every_operator_finds_its_places_and_spares_imports_annotations_and_docstrings():
    mutants = mutants_of(PROGRAM, seed=0, most=1000)
    assert {mutant.operator for mutant in mutants} == set(OPERATORS)
    for mutant in mutants:
        tree = ast.parse(mutant.program)
        assert ast.get_docstring(tree.body[1]) == "A docstring with 7 in it."
        assert mutant.line >= 3
        assert "import math" in mutant.program


def test_the_faults_of_a_small_program_are_these():
    mutants = mutants_of("def f(a):\n    return a < 3\n", seed=0, most=100)
    bodies = sorted(mutant.program.splitlines()[1].strip() for mutant in mutants)
    assert bodies == ["return None", "return a < 2", "return a < 4", "return a <= 3", "return a > 3"]
    assert [mutant.line for mutant in mutants] == [2] * 5


def test_mutants_are_different_programs_bounded_and_a_function_of_text_and_seed():
    ten = mutants_of(PROGRAM, seed=1, most=10)
    assert ten == mutants_of(PROGRAM, seed=1, most=10)
    assert ten != mutants_of(PROGRAM, seed=2, most=10)
    assert len({mutant.program for mutant in ten}) == 10
    assert len({mutant.operator for mutant in ten}) == len(OPERATORS)  # taken in turn


def test_a_fault_that_compiles_to_the_same_is_no_mutant():
    assert mutants_of("def f():\n    'text'\n    1\n", seed=0, most=10) == []
    doubled = mutants_of("def f(x):\n    return x + (1 + 1)\n", seed=0, most=100)
    assert len({mutant.program for mutant in doubled}) == len(doubled)
    assert not any("return x + (2)" in mutant.program for mutant in doubled)


def test_a_text_that_only_cpython_can_parse_is_mutated_too():
    odd = "def f(x):\n    if x:\n        y = 1\n    else:\n     y = 2\n    return y\n \n"
    assert mutants_of(odd, seed=0, most=5)


@pytest.fixture(scope="module")
def reader():
    with Reader(limits=Limits(seconds=3.0, memory_bytes=1 << 30)) as reader:
        yield reader


@pytest.mark.parametrize(
    "text",
    ["def f(:", "-" * 90_000 + "1", "(" * 90_000, "x = '" + "\\N{DIGIT ONE" * 10, "x" * 300_000, "\0", "\udcff = 1"],
)
def test_no_text_harms_the_reader_and_the_next_one_is_read(reader, text):
    with pytest.raises(ReadingError):
        reader.mutants(text, 0, 5)
    assert len(reader.mutants("def f(a):\n    return a < 3\n", 0, 100)) == 5


def test_calls_with_literals_are_found_in_any_text(reader):
    text = "Sure!\nassert f(1, [2]) == 3  # ok\n>>> f('a)', -1.5)\nf(x)\nf(__import__('os'))\nf(\nf(1, [2])\ng(4)"
    assert reader.calls(text, "f", 9) == ("(1, [2])", "('a)', -1.5)")
    assert reader.calls(text, "f", 1) == ("(1, [2])",)
