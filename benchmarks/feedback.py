"""What full feedback costs: `python -m benchmarks.feedback [--programs N] [--write]`.

Failing programs of about 20 lines, all different: execution on their tests, pylint, libcst, spans, tokens and rewards,
on one worker of each kind, one program at a time (so milliseconds of one core). Cold is the first program of a fresh
engine, warm is the mean of the rest; `repeated` is a text seen before. The rival is the `pylint` command, which reads the
program and nothing else. What this does not do: compare machines; trust the ratios.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.tables import write_between_markers
from engine import Analyser, Engine, Judge, Problem, parse_problem
from feedback import assess, token_offsets

PROGRAM = """import heapq
from collections import defaultdict


def f{n}(edges, start):
    graph = defaultdict(list)
    for left, right, weight in edges:
        graph[left].append((right, weight))
        graph[right].append((left, weight))
    best = {{start: 0}}
    heap = [(0, start)]
    while heap:
        distance, node = heapq.heappop(heap)
        if distance > best[node] + {n}:
            continue
        for other, weight in graph[node]:
            if other not in best or distance + weight < best[other]:
                best[other] = distance + weight
                heapq.heappush(heap, (best[other], othr{n}))
    return max(best.values())
"""
EDGES = [[1, 2, 7], [2, 3, 1], [1, 3, 9], [3, 4, 2]]


def main() -> None:
    """Measure and print (or write) the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    arguments = parser.parse_args()
    text = table(arguments.programs)
    if arguments.write:
        write_between_markers(Path("docs/performance.md"), "feedback", text)
    print(text)


def table(programs: int) -> str:
    """The Markdown table."""
    command = pylint_command()
    rows = [("`pylint -E` command, per program", command)]
    started = time.perf_counter()
    with Engine() as engine:
        whole(engine, 0)
        rows.append(("full feedback, cold: fresh engine, first program", (time.perf_counter() - started) * 1000))
        rows.append(("full feedback, warm", mean(programs, lambda number: whole(engine, number + 1))))
        rows.append(("full feedback, repeated text", mean(programs, lambda _: whole(engine, 1))))
        rows.append(("tokens and rewards alone", rewards_alone(engine, programs)))
    with Judge() as judge:
        judge.submit(program(0), problem(0)).result()
        rows.append(
            ("execution alone", mean(programs, lambda n: judge.submit(program(n + 1), problem(n + 1)).result()))
        )
    with Analyser() as analyser:
        analyser.submit(program(0), problem(0)).result()
        both = mean(programs, lambda number: analyser.submit(program(number + 1), problem(number + 1)).result())
        rows.append(("pylint and libcst alone", both))
    lines = [f"{len(PROGRAM.splitlines())}-line failing programs, one core.", ""]
    lines += ["| what | ms per program | times faster than the command |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {spent:.2f} | {command / spent:.0f} |" for name, spent in rows]
    return "\n".join(lines)


def program(number: int) -> bytes:
    """One of many programs that differ in text and fail alike."""
    return PROGRAM.format(n=number).encode()


def problem(number: int) -> Problem:
    """Its problem: one call that succeeds, one that runs into the fault."""
    return parse_problem({"fn_name": f"f{number}", "inputs": [[[], 1], [EDGES, 1]], "outputs": [0, 10]})


def whole(engine: Engine, number: int) -> object:
    """Everything, from text to rewards on (about) subword tokens."""
    text = program(number)
    return assess(engine.submit(text, PROBLEMS.setdefault(number, problem(number))).result(), tokens(text))


PROBLEMS: dict[int, Problem] = {}


def tokens(text: bytes) -> np.ndarray:
    """Offsets of four-byte tokens, about what a code tokenizer makes."""
    return token_offsets([text[start : start + 4] for start in range(0, len(text), 4)], slice(0, len(text)))


def rewards_alone(engine: Engine, programs: int) -> float:
    """Milliseconds of `assess` on fresh texts, reports made before."""
    reports = [engine.submit(program(number), PROBLEMS[number]).result() for number in range(1, programs)]
    return mean(len(reports), lambda number: assess(reports[number], tokens(reports[number].program)))


def mean(times: int, work: Callable[[int], object]) -> float:
    """Mean milliseconds of `work(0)`, `work(1)`, ..."""
    started = time.perf_counter()
    for number in range(times):
        work(number)
    return (time.perf_counter() - started) * 1000 / times


def pylint_command(times: int = 5) -> float:
    """Milliseconds of the command on one program."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prog.py"
        file.write_bytes(program(0))
        command = [sys.executable, "-m", "pylint", "-E", "--rcfile=/dev/null", str(file)]
        return mean(times, lambda _: subprocess.run(command, capture_output=True, check=False))


if __name__ == "__main__":
    main()
