"""Measure the floor of `benchmarks/judge.py`: one bare `os.fork` per program, from a lean process, without isolation.

Run as `python -I -S benchmarks/fork_floor.py [MODULE...]`. With modules, it first imports them and runs a program, as a
worker of the judge does. It takes `[programs, tests]` as lines of JSON and answers `[CPU seconds, programs passed]`.
"""

import io
import json
import os
import resource
import sys


def outputs_of(program: str, tests: list[list[str]]) -> list[str]:
    """The program's output on each test, in this very process."""
    code = compile(program, "<program>", "exec")
    outputs = []
    for given, _ in tests:
        sys.stdin, sys.stdout = io.StringIO(given), io.StringIO()
        exec(code, {"__name__": "__main__"})
        outputs.append(sys.stdout.getvalue())
    return outputs


def all_right(outputs: list[str], tests: list[list[str]]) -> bool:
    return all(output.split() == expected.split() for output, (_, expected) in zip(outputs, tests, strict=True))


def judged(program: str, tests: list[list[str]]) -> bool:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps(outputs_of(program, tests)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        outputs = json.loads(stream.read())
    os.waitpid(child, 0)
    return all_right(outputs, tests)


def cpu_seconds() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def warm_up(modules: list[str]) -> None:
    """Brings this process to where a worker is when it forks: modules imported, a program run, heap frozen."""
    import gc

    for module in modules:
        __import__(module)
    streams = sys.stdin, sys.stdout
    for _ in range(12):
        outputs_of("n = int(input())\nprint(sum(map(int, input().split())))\n", [["3\n1 2 3\n", "6\n"]] * 3)
    sys.stdin, sys.stdout = streams
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    if sys.argv[1:]:
        warm_up(sys.argv[1:])
    for line in sys.stdin:
        programs, tests = json.loads(line)
        before = cpu_seconds()
        passed = sum(judged(program, tests) for program in programs)
        print(json.dumps([cpu_seconds() - before, passed]), flush=True)
