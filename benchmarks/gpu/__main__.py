"""Run the stages that are named, or all: `python -m benchmarks.gpu [STAGE ...] [--rehearse] [--out FOLDER]`."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import signal
import sys
import time
import warnings
from pathlib import Path

from benchmarks.gpu.bench import Bench

STAGES = {
    "agreement": "right",
    "step": "right",
    "resume": "runs",
    "rise": "runs",
    "sharded": "sharded",
    "memory": "memory",
    "samplers": "speed",
    "speed": "speed",
    "waiting": "speed",
}
"""Name of each stage, a function of that name, and the module that has it; the right ones first."""
LIMIT = 530
"""Seconds that a stage may take: a command on a lent machine ends after ten minutes."""


def main(arguments: list[str] | None = None) -> int:
    """Run stages one after the other. Returns 0 if all that was bounded holds and nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"one of {', '.join(STAGES)}; none runs all")
    parser.add_argument("--rehearse", action="store_true", help="tiny shapes, to see on a CPU that all stages run")
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="folder for tables and logs (default: gpu)")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.stages if name not in STAGES]:
        parser.error(f"no stage {unknown[0]!r}; there are {', '.join(STAGES)}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    broken: list[str] = []
    for name in chosen.stages or STAGES:
        bench = Bench(chosen.out, name, chosen.rehearse)
        begin, cpu = time.monotonic(), os.times()
        _run(bench)
        spent = [time.monotonic() - begin, sum(os.times()[:4]) - sum(cpu[:4])]
        bench.write(f"\n{name}: {spent[0]:.0f} s, {spent[1]:.0f} s of CPU; {len(bench.broken)} things do not hold.")
        broken += bench.broken
        gc.collect()
    print(*(broken or ["everything holds"]), sep="\n", file=sys.stderr)
    return 1 if broken else 0


def _run(bench: Bench) -> None:
    """Run one stage within its time. What it fails with is written to its page."""
    bench.page.unlink(missing_ok=True)
    bench.log(f"begins{' (rehearsal)' if bench.rehearse else ''}")

    def late(*_: object) -> None:
        raise TimeoutError(f"not done after {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        stage = getattr(importlib.import_module(f"benchmarks.gpu.{STAGES[bench.stage]}"), bench.stage)
        with bench.trying(bench.stage):
            stage(bench)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    sys.exit(main())
