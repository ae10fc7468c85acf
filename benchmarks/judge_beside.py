"""Measure the judge beside that of another checkout, for programs that pass and that fail.

`python -m benchmarks.judge --beside CHECKOUT` runs it. The two take turns, each in a process of its own. CPU time
counts, of all processes, and that of the one which submits programs.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
PASSING = "n = int(input())\na = list(map(int, input().split()))\ns = sum(a)\nm = max(a)\nprint(s, m)\n"
PROGRAMS = {
    "pass": PASSING,
    "pass, with a dataclass": f"from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nP(1)\n{PASSING}",
    "read a clock, and pass": f"import time\nstart = time.time()\n{PASSING}",
    "answer wrongly": PASSING.replace("max", "min"),
    "raise": PASSING.replace("max(a)", "max(b)"),
    "are no Python": PASSING.replace("max(a)", "max(a"),
}
ANSWER = "seconds of all processes", "seconds of the process that submits"


def serve(root: str) -> None:
    """Judges batches from standard input, one JSON line each, and answers with seconds as `ANSWER` says."""
    sys.path.insert(0, root)
    import psutil

    from engine import Judge, Problem, StdinTest

    def own(who: int = resource.RUSAGE_SELF) -> float:
        usage = resource.getrusage(who)
        return usage.ru_utime + usage.ru_stime

    def others() -> float:
        alive = sum(sum(process.cpu_times()[:4]) for process in psutil.Process().children(recursive=True))
        return own(resource.RUSAGE_CHILDREN) + alive

    answers = os.fdopen(os.dup(1), "w")
    with Judge() as judge:
        for line in sys.stdin:
            programs, cases = json.loads(line)
            problem = Problem("benchmark", tuple(StdinTest(given, expected) for given, expected in cases))
            theirs, mine = others(), own()  # in this order, so that it does not count itself
            futures = [judge.submit(program.encode(), problem) for program in programs]
            assert not [future for future in futures if future.result().verdict == "infra"]
            mine = own() - mine
            answers.write(json.dumps([mine + others() - theirs, mine]) + "\n")
            answers.flush()


def table(other: Path, rounds: int, batch: int) -> str:
    """Writes a row for each kind of program and number of tests."""
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.judge_beside", str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE,
        )
        for root in (HERE, other.resolve())
    ]
    heads = ["programs that", "tests", "CPU ms per program", "there", "against there", "of it, the submitting", "there"]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|---|---|"]
    for count in (3, 20):
        cases = [[f"3\n{k} 1 9\n", f"{k + 10} {max(k, 9)}\n"] for k in range(count)]
        for kind, program in PROGRAMS.items():
            measured: list[list[list[float]]] = [[], []]
            for number in range(rounds + 1):
                for server, mine in zip(servers, measured, strict=True):
                    programs = [f"{program}# {number} {index}\n" for index in range(batch)]
                    assert server.stdin is not None
                    assert server.stdout is not None
                    server.stdin.write(json.dumps([programs, cases]) + "\n")
                    server.stdin.flush()
                    seconds = json.loads(server.stdout.readline())
                    if number:  # the first round warms up
                        mine.append([second / batch * 1000 for second in seconds])
            lines.append(f"| {kind} | {count} | {_row(*measured)} |")
            print(lines[-1], flush=True)
    for server in servers:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()
    return "\n".join(lines)


def _row(here: list[list[float]], there: list[list[float]]) -> str:
    ratios = [ours[0] / theirs[0] for ours, theirs in zip(here, there, strict=True)]
    (cost, own), (other_cost, other_own) = (
        [statistics.median(row[place] for row in rows) for place in range(len(ANSWER))] for rows in (here, there)
    )
    ratio = f"{statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"{cost:.2f} | {other_cost:.2f} | {ratio} | {own:.3f} | {other_own:.3f}"


if __name__ == "__main__":
    serve(sys.argv[1])
