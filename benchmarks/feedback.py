"""What full feedback costs: `python -m benchmarks.feedback [--programs N] [--write]`.

Failing programs of about 20 lines, all different: execution on their tests, pylint, libcst, spans, tokens and rewards.
Times are CPU milliseconds of all processes together, so that a busy machine changes little. Cold is a fresh engine
with its first program; warm is what each further program costs, of many that wait (as a trainer's batch does) or one by
one. The rival is the `pylint` command, which reads the program and nothing else: as it comes, with `-E`, and with the
very messages that this project's linter is asked for. What this does not do: compare machines; trust the ratios.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.tables import write_between_markers
from engine import Analyser, Engine, Judge, Problem, parse_problem
from engine.analysis.linter import ALSO_CHECKED, NOT_CHECKED
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
    commands = {name: pylint_command(options) for name, options in COMMANDS.items()}
    cold, single = cold_and_warm(Engine, one_by_one, programs)
    _, waiting = cold_and_warm(Engine, all_at_once, programs)
    _, run = cold_and_warm(
        Judge, lambda judge, many: [judge.submit(program(n), problem(n)).result() for n in many], programs
    )
    _, read = cold_and_warm(
        Analyser, lambda tools, many: [tools.submit(program(n), problem(n)).result() for n in many], programs
    )
    with_lines = line_tracing(programs)
    repeated, rewards = from_cache(programs)
    rows = [
        *commands.items(),
        ("full feedback, cold: a fresh engine and its first program", cold),
        ("full feedback, warm, many programs waiting", waiting),
        ("full feedback, warm, one by one", single),
        ("of it: execution", run),
        ("of it: pylint and libcst", read),
        ("of it: blame, tokens and rewards", rewards),
        ("on request: the lines that each test ran, in a second run", with_lines),
        ("full feedback on a text seen before", repeated),
    ]
    lines = [
        "## Feedback",
        "",
        "Made by `python -m benchmarks.feedback --write`.",
        f"{programs} different failing programs of {len(PROGRAM.splitlines())} lines each.",
        "The CPU time is that of all processes.",
        "",
    ]
    lines += [f"| what | ms per program | {' | '.join(f'{name} costs' for name in commands)} |"]
    lines += ["| --- | ---: |" + " ---: |" * len(commands)]
    for name, spent in rows:
        lines.append(f"| {name} | {spent:.2f} | {' | '.join(f'{cost / spent:.0f}x' for cost in commands.values())} |")
    return "\n".join(lines)


Made = TypeVar("Made", Engine, Judge, Analyser)


def cold_and_warm(
    make: Callable[[], Made], work: Callable[[Made, range], object], programs: int
) -> tuple[float, float]:
    """CPU milliseconds of starting, one program and stopping; and of each further program."""

    def total(count: int) -> float:
        started = cpu_milliseconds()
        with make() as made:
            work(made, range(count))
        return cpu_milliseconds() - started

    first = total(1)
    return first, (total(programs + 1) - first) / programs


def line_tracing(programs: int) -> float:
    """CPU milliseconds that `Engine(trace_lines=True)` adds for each failing program."""

    def judged_and_traced(judge: Judge, many: range) -> None:
        for number in many:
            first = judge.submit(program(number), problem(number)).result()
            judge.trace_lines(program(number), problem(number), first).result()

    def judged(judge: Judge, many: range) -> None:
        for number in many:
            judge.submit(program(number), problem(number)).result()

    return cold_and_warm(Judge, judged_and_traced, programs)[1] - cold_and_warm(Judge, judged, programs)[1]


def cpu_milliseconds() -> float:
    """CPU time of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return 1000 * sum(usage.ru_utime + usage.ru_stime for usage in used)


def from_cache(programs: int) -> tuple[float, float]:
    """CPU milliseconds here of feedback on texts seen before, and of `assess` on fresh ones."""
    with Engine() as engine:
        reports = [engine.submit(program(number), PROBLEMS[number]).result() for number in range(programs)]
        started = cpu_milliseconds()
        for report in reports:
            assess(report, tokens(report.program))
        rewards = (cpu_milliseconds() - started) / programs
        started = cpu_milliseconds()
        for _ in range(programs):
            one_by_one(engine, range(1))
        return (cpu_milliseconds() - started) / programs, rewards


def program(number: int) -> bytes:
    """One of many programs that differ in text and fail alike."""
    return PROGRAM.format(n=number).encode()


def problem(number: int) -> Problem:
    """Its problem: one call that succeeds, one that runs into the fault."""
    return parse_problem({"fn_name": f"f{number}", "inputs": [[[], 1], [EDGES, 1]], "outputs": [0, 10]})


def one_by_one(engine: Engine, many: range) -> None:
    """Everything, from text to rewards on (about) subword tokens, of each program before the next."""
    for number in many:
        all_at_once(engine, range(number, number + 1))


def all_at_once(engine: Engine, many: range) -> None:
    """The same, with the next programs waiting."""
    for number in many:
        PROBLEMS.setdefault(number, problem(number))
    reports = [engine.submit(program(number), PROBLEMS[number]) for number in many]
    for report in reports:
        assess(report.result(), tokens(report.result().program))


PROBLEMS: dict[int, Problem] = {}


def tokens(text: bytes) -> np.ndarray:
    """Offsets of four-byte tokens, about what a code tokenizer makes."""
    return token_offsets([text[start : start + 4] for start in range(0, len(text), 4)], slice(0, len(text)))


SAME_MESSAGES = f"--disable=all --enable=E,{','.join(ALSO_CHECKED)} --disable={','.join(NOT_CHECKED)}".split()
COMMANDS = {"`pylint`": [], "`pylint -E`": ["-E"], "`pylint`, same messages": SAME_MESSAGES}


def pylint_command(options: list[str], times: int = 5) -> float:
    """CPU milliseconds of the command on one program."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prog.py"
        file.write_bytes(program(0))
        command = [sys.executable, "-m", "pylint", *options, "--rcfile=/dev/null", str(file)]
        started = cpu_milliseconds()
        for _ in range(times):
            subprocess.run(command, capture_output=True, check=False)
        return (cpu_milliseconds() - started) / times


if __name__ == "__main__":
    main()
