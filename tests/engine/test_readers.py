"""What one tool dies of costs nothing of the others, and only CPU time is a program's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Analyser, AnalysisLimits, parse_problem
from engine.analysis.library import imported
from engine.analysis.source import longest_chain

CALL = parse_problem({"fn_name": "f", "inputs": [[1]], "outputs": [2]})
FAULT = "def f(x):\n    return missing\n"


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser() as started:
        yield started


def dead(expression: str) -> str:
    return f"def dead(x):\n    return {expression}\n"


def diamonds(count: int) -> str:
    return "class D0: pass\n" + "".join(
        f"class B{i}(D{i}): pass\nclass C{i}(D{i}): pass\nclass D{i + 1}(B{i}, C{i}): pass\n" for i in range(count)
    )


KILLERS = {
    "a chain of classes": "class A0: pass\n" + "".join(f"class A{i + 1}(A{i}): pass\n" for i in range(300)),
    "diamonds": diamonds(40),
    "classes in a circle": "class A(B): pass\nclass B(A): pass\nclass A(B): pass\n",
    "deep subscripts": dead("x" + "[0]" * 800),
    "deep subscripts of a list": "x = [1]\n" + dead("x" + "[0]" * 800),
    "a long sum": dead(" + ".join("x" * 900)),
    "a longer sum": dead("+".join("x" * 1400)),
    "attributes": dead("x" + ".b" * 1000),
    "calls": dead("x" + "()" * 1500),
    "negations": dead("not " * 800 + "x"),
    "choices": dead("1 if x else " * 900 + "2"),
    "lambdas": dead("lambda: " * 900 + "2"),
    "elifs": "a = 1\nif a == 0: pass\n" + "".join(f"elif a == {i}: pass\n" for i in range(1500)),
    "squares": "x = 2\n" + "x = x * x\n" * 60,
}


@pytest.mark.parametrize("name", KILLERS)
def test_findings_survive_what_kills_a_tool(analyser: Analyser, name: str) -> None:
    found = analyser.submit((KILLERS[name] + FAULT).encode(), CALL).result()
    assert {"E0602", "undefined-name"} <= {item.code for item in found}


def test_a_big_module_of_the_library_is_read_on_no_programs_time() -> None:
    program = b"import asyncio, inspect\nfrom decimal import *\n\ndef f(x):\n    return asyncio.nothing, missing\n"
    with Analyser(limits=AnalysisLimits(seconds=0.2)) as hasty:  # `import asyncio` takes a second
        assert {"E0602", "E1101"} <= {item.code for item in hasty.submit(program, CALL).result()}


LIMITS = """
import mmap, sys, time
from engine.analysis.messages import Answer, Limits
from engine.analysis.reader import Reader
from engine.records import Diagnostic, Source

class Tools:
    def use(self, tool, request):
        if tool == "sleep":
            time.sleep(1.0)
        while tool == "burn":
            pass
        if tool == "fill":
            return Answer((Diagnostic(Source.PYLINT, "x" * 2**31, "", None),))
        return Answer((Diagnostic(Source.PYLINT, tool, "", None),))

mapped = mmap.mmap(-1, 4 << 30, prot=mmap.PROT_READ)  # as much as torch for GPUs
reader = Reader(Tools(), Limits(seconds=0.3, wall_factor=float(sys.argv[2])))
said = [item.code for item in reader.ask(sys.argv[1], b"").diagnostics]
print(said, reader.usable)
reader.close()
"""


@pytest.mark.parametrize(
    ("tool", "wall_factor", "said"),
    [
        ("sleep", 100, "['sleep'] True"),  # sleeps for longer than its CPU time
        ("sleep", 1, "[] False"),
        ("burn", 1000, "[] False"),
        ("fill", 1000, "[] False"),
    ],
)
def test_cpu_time_and_memory_bound_a_reader_and_wall_time_only_one_that_sleeps(tool, wall_factor, said) -> None:
    command = [sys.executable, "-c", LIMITS, tool, str(wall_factor)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == said, run.stderr


@given(st.binary(max_size=300))
def test_imports_are_looked_for_in_any_bytes(program: bytes) -> None:
    assert all(isinstance(name, str) for name in imported(program))


def test_imports_are_found_wherever_they_stand() -> None:
    program = b"import os.path, re; from xml.etree import ElementTree\ntry:\n\timport  numpy as np\nexcept: pass\n"
    assert imported(program) >= {"os", "os.path", "re", "xml", "xml.etree", "numpy"}


def test_many_blanks_and_dots_after_an_import_take_no_time() -> None:
    for part in (b" ", b".", b"a.", b"a,", b"import ", b"from"):
        assert len(imported(b"import " + part * 100_000)) < 10


def test_a_chain_is_as_long_as_what_follows_a_value() -> None:
    assert longest_chain("a = b\n") == 0
    assert longest_chain("a[0].b(c.d)[1]\n(x + y).z\n") == 4
    assert longest_chain("x" + "[0]" * 800) == 800
