"""Measure how fast the judge is, and whether it stays small. Run as `python -m benchmarks.judge`.

Ways to judge the same programs take turns (A, B, C, A, B, C, ...) in one run. They are this judge with all its layers,
a bare `os.fork` loop without any isolation (the floor), the same loop from a warm process that has everything imported,
one `multiprocessing.Process` and a `Manager` per program as in HumanEval's harness, and one `python` process per
program. Each lives in a lean process of its own. Programs per second of CPU count, with all processes included, because
the machine may be busy with other things.

With `--beside CHECKOUT`, the judge of another commit takes turns with this one, on programs that pass and that fail
(`benchmarks/judge_beside.py`). Then 20,000 programs of every kind go through one judge, and its memory and open files
are read on the way. Last come batches of which one program in fifty hangs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.fork_floor import all_right, outputs_of

if TYPE_CHECKING:  # the other contenders load nothing of ours
    from engine import Judge

ROOT = Path(__file__).resolve().parents[1]
FLOOR = ROOT / "benchmarks" / "fork_floor.py"
PAGE = ROOT / "docs" / "performance.md"
OUTPUTS = "import json, sys; sys.path.insert(0, sys.argv[1]); import fork_floor as f; "
OUTPUTS += "out = sys.stdout; out.write(json.dumps(f.outputs_of(*json.load(sys.stdin))))"
PROGRAM = "n = int(input())\na = list(map(int, input().split()))\ns = sum(a)\nm = max(a)\nprint(s, m)\n"
CONTENDERS = {
    "judge": "this judge, all layers",
    "floor": "bare `os.fork` loop (the floor)",
    "warm floor": "the same, warmed up as the judge's workers are",
    "multiprocessing": "`multiprocessing.Process` + `Manager` (HumanEval)",
    "subprocess": "one `python` process per program",
}
Tests = list[list[str]]


def tests(count: int) -> Tests:
    return [[f"3\n{k} 1 9\n", f"{k + 10} {max(k, 9)}\n"] for k in range(count)]


# The contenders: each takes programs and tests, and gives the number of programs that passed


def run_judge(programs: Sequence[str], cases: Tests, judge: Judge) -> int:
    from engine import Problem, StdinTest

    problem = Problem("benchmark", tuple(StdinTest(given, expected) for given, expected in cases))
    futures = [judge.submit(program.encode(), problem) for program in programs]
    return sum(future.result().verdict == "passed" for future in futures)


def check_in_child(program: str, cases: Tests, result: list[bool]) -> None:
    result.append(all_right(outputs_of(program, cases), cases))


def run_multiprocessing(programs: Sequence[str], cases: Tests, _: object) -> int:
    import multiprocessing

    context, passed = multiprocessing.get_context("fork"), 0
    for program in programs:
        with context.Manager() as manager:
            result = manager.list()
            process = context.Process(target=check_in_child, args=(program, cases, result))
            process.start()
            process.join(timeout=10)
            passed += list(result) == [True]
    return passed


def run_subprocess(programs: Sequence[str], cases: Tests, _: object) -> int:
    passed = 0
    for program in programs:
        given = json.dumps([program, cases])
        command = [sys.executable, "-I", "-S", "-c", OUTPUTS, str(FLOOR.parent)]
        answer = subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout
        passed += all_right(json.loads(answer), cases)
    return passed


RUN: dict[str, Callable[[Sequence[str], Tests, Any], int]] = {
    "judge": run_judge,
    "multiprocessing": run_multiprocessing,
    "subprocess": run_subprocess,
}


# Servers: one lean process for each contender


def cpu_seconds(tree: bool) -> float:
    """CPU time of this process and all its children, those that still run included where `tree` asks for them."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    total = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))
    if tree:
        import psutil

        for process in psutil.Process().children(recursive=True):
            total += sum(process.cpu_times()[:4])
    return total


def serve(name: str) -> None:
    """Runs batches from standard input, one JSON line each, and answers with CPU seconds and programs passed."""
    judge: Any = None
    answers = os.fdopen(os.dup(1), "w")
    if name == "judge":
        sys.path.insert(0, str(ROOT))
        from engine import Judge

        judge = Judge()
    for line in os.fdopen(os.dup(0)):
        programs, cases = json.loads(line)
        before = cpu_seconds(judge is not None)
        passed = RUN[name](programs, cases, judge)
        answers.write(json.dumps([cpu_seconds(judge is not None) - before, passed]) + "\n")
        answers.flush()
    if judge is not None:
        judge.close()


def worker_modules() -> list[str]:
    """What a worker imports before it forks."""
    from engine.sandbox.preparation import MODULES

    return [*MODULES, "select", "signal", "site", "socket", "time"]


class Server:
    """The process of one contender."""

    def __init__(self, name: str) -> None:
        command = [sys.executable, "-m", "benchmarks.judge", "--serve", name]
        if "floor" in name:
            command = [sys.executable, "-I", "-S", str(FLOOR), *(worker_modules() if name == "warm floor" else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def run(self, programs: Sequence[str], cases: Tests) -> float:
        """CPU milliseconds of one program."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([programs, cases]) + "\n")
        self.process.stdin.flush()
        seconds, passed = json.loads(self.process.stdout.readline())
        assert passed == len(programs), f"{passed} of {len(programs)} passed"
        return float(seconds) / len(programs) * 1000


def compare(count: int, rounds: int, batch: int) -> dict[str, list[float]]:
    """CPU milliseconds of a program, for each contender and round."""
    servers = {name: Server(name) for name in CONTENDERS}
    slow = max(batch // 8, 5)
    sizes = {"judge": batch, "floor": batch, "warm floor": batch, "multiprocessing": slow, "subprocess": slow}
    measured: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for number in range(rounds + 1):
        for name, server in servers.items():
            programs = [f"{PROGRAM}# {number} {index}\n" for index in range(sizes[name])]
            milliseconds = server.run(programs, tests(count))
            if number:  # the first round warms up
                measured[name].append(milliseconds)
    for server in servers.values():
        assert server.process.stdin is not None
        server.process.stdin.close()
        server.process.wait()
    return measured


def table(rounds: int, batch: int) -> str:
    import statistics

    heads = ["way", "tests", "CPU ms per program", "programs per core-second", "against the floor", "against the judge"]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|---|"]
    for count in (3, 20):
        measured = compare(count, rounds, batch)
        for name, title in CONTENDERS.items():
            cost = statistics.median(measured[name])
            ratios = [_ratio(measured[name], measured[other]) for other in ("floor", "judge")]
            lines.append(f"| {title} | {count} | {cost:.2f} | {1000 / cost:.0f} | {' | '.join(ratios)} |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


def _ratio(mine: Sequence[float], other: Sequence[float]) -> str:
    import statistics

    ratios = [a / b for a, b in zip(mine, other, strict=True)]
    return f"{statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"


# Many programs through one judge


def many(total: int) -> str:
    sys.path.insert(0, str(ROOT))
    import psutil

    from engine import Judge, Limits, parse_problem

    problem = parse_problem({"inputs": [given for given, _ in tests(3)], "outputs": [out for _, out in tests(3)]})
    asserted = parse_problem({"test_list": ["assert set(f(1)) == {1}", "assert f(2) == [2]"]})
    kinds = [
        (PROGRAM, problem),
        ("print(1)", problem),
        ("print(1 / 0)", problem),
        ("def f(:", problem),
        ("import os; os._exit(3)", problem),
        ("print('x' * 100000)", problem),
        ("import threading; threading.Thread(target=print).start()", problem),
        ("open('/tmp/left', 'w').write('x')", problem),
        ("def f(x): return [x]", asserted),
        ("def f(x): return x.y", asserted),
    ]
    heads = [
        "programs",
        "supervisor MB",
        "workers MB",
        "supervisor files",
        "worker files",
        "programs per second (wall)",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|---|"]
    me, started, done = psutil.Process(), time.monotonic(), 0
    with Judge(limits=Limits(cpu_seconds=1.0)) as judge:
        while done < total:
            futures = []
            for index in range(done, done + total // 10):
                program, chosen = kinds[index % len(kinds)]
                futures.append(judge.submit(f"{program}  # {index}".encode(), chosen))
            assert not [future for future in futures if future.result().verdict == "infra"]
            done += len(futures)
            workers = me.children(recursive=True)
            memory = sum(process.memory_info().rss for process in workers) / 1e6
            files = sum(process.num_fds() for process in workers)
            rate = done / (time.monotonic() - started)
            mine = me.memory_info().rss / 1e6
            lines.append(f"| {done} | {mine:.1f} | {memory:.1f} | {me.num_fds()} | {files} | {rate:.0f} |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


HANGING = {
    "nothing hangs": "",
    "`time.sleep(3600)`": "import time\ntime.sleep(3600)\n",
    "sleeps a little, for ever": "import time\nwhile True: time.sleep(0.01)\n",
    "waits for ever": "import threading\nthreading.Event().wait()\n",
    "computes for ever": "while True: pass\n",
}


def hanging(total: int) -> str:
    """What it costs that one program of fifty hangs: a batch on one worker, with the default limits."""
    sys.path.insert(0, str(ROOT))
    from engine import Judge, parse_problem

    problem = parse_problem({"inputs": [given for given, _ in tests(3)], "outputs": [out for _, out in tests(3)]})
    lines = ["| one of fifty | seconds | CPU seconds | as long as without |", "|---|---|---|---|"]
    alone = 0.0
    for name, program in HANGING.items():
        with Judge() as judge:
            judge.submit(PROGRAM.encode(), problem).result()
            started, before = time.monotonic(), cpu_seconds(tree=True)
            futures = [
                judge.submit(f"{program if index % 50 == 7 else ''}{PROGRAM}# {index}\n".encode(), problem)
                for index in range(total)
            ]
            hung = sum(future.result().verdict == "error" for future in futures)
            assert hung == (total // 50 if program else 0), hung
            seconds, cpu = time.monotonic() - started, cpu_seconds(tree=True) - before
        alone = alone or seconds
        lines.append(f"| {name} | {seconds:.1f} | {cpu:.1f} | {seconds / alone:.2f}x |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def write_page(section: str) -> None:
    """Puts the section into docs/performance.md, between its markers."""
    start, end = "<!-- judge -->", "<!-- /judge -->"
    page = PAGE.read_text() if PAGE.is_file() else f"# Performance\n\n{start}\n{end}\n"
    if start not in page:
        page += f"\n{start}\n{end}\n"
    before, after = page.split(start)[0], page.split(end)[1]
    PAGE.write_text(f"{before}{start}\n{section}\n{end}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--batch", type=int, default=300, help="programs of the judge and of the floor in each round")
    parser.add_argument("--many", type=int, default=20000, help="programs of the second part")
    parser.add_argument("--hanging", type=int, default=2000, help="programs of each batch of the third part")
    parser.add_argument("--beside", type=Path, help="a checkout of another commit, whose judge is measured in turn")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    parser.add_argument("--serve", choices=CONTENDERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.serve)
    where = f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {os.cpu_count()} processors"
    where += f", {os.getloadavg()[2]:.0f} processes waiting or running on average before it began"
    section = f"## Judge\n\nMade by `python -m benchmarks.judge --write` ({where}).\n"
    section += (
        f"Values are medians, and ratios are taken round by round.\n\n{table(arguments.rounds, arguments.batch)}\n\n"
    )
    if arguments.beside:
        from benchmarks import judge_beside

        section += f"Beside another checkout ({arguments.beside.name}), in turns of {arguments.batch} programs:\n\n"
        section += f"{judge_beside.table(arguments.beside, arguments.rounds, arguments.batch)}\n\n"
    section += f"One judge with one worker runs {arguments.many} programs of ten kinds:\n\n{many(arguments.many)}\n"
    section += f"\nBatches of {arguments.hanging} programs on one worker, some of which hang:\n\n"
    section += f"{hanging(arguments.hanging)}\n"
    if arguments.write:
        write_page(section)
    return None


if __name__ == "__main__":
    main()
