"""Judges hostile programs one after the other on one worker, inside the jail, as `rltf feedback` does.

Run as `reports.py CORPUS.jsonl...`. Prints one line of JSON for each program of which a corpus says more than its
verdict: the line of its error, findings, blame, the fine penalty, and CPU seconds of all processes together.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import psutil
from driver import problem_of, program_of

from engine import Engine, Limits, parse_problem
from feedback import assess, to_json, token_offsets

KEYS = ("line", "want", "blame", "fine", "maxwall")
_TALKING = ("covert-next-program-write", "covert-next-program-read", "oracle-across-samples")
"""Programs that talk to the next one, in the order in which they do."""


def cpu_seconds() -> float:
    """CPU time of this process and of all that it started."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) for process in processes)


def chosen(path: str) -> list[dict[str, Any]]:
    """The programs of which a corpus says more than their verdict, and those that talk to each other."""
    items = [json.loads(line) for line in Path(path).read_text().splitlines()]
    talking = [item for kind in _TALKING for item in items if item.get("technique", "").startswith(kind)]
    return [item for item in items if any(key in item for key in KEYS)] + talking


def main() -> None:
    limits = Limits(cpu_seconds=0.5, wall_factor=6.0)
    with Engine(limits=limits) as engine:
        engine.submit(b"print(1 / 0)", parse_problem({"inputs": [""], "outputs": [""]})).result()
        for item in [item for path in sys.argv[1:] for item in chosen(path)]:
            program, before = program_of(item), cpu_seconds()
            report = engine.submit(program, parse_problem(problem_of(item))).result()
            words = program.splitlines(keepends=True)
            told = to_json(assess(report, token_offsets(words, slice(0, len(program)))), item["id"], tokens=True)
            error = told["error"] or {}
            answer = {
                "id": item["id"],
                "verdict": told["verdict"],
                "type": error.get("type"),
                "kind": error.get("kind"),
                "line": error.get("line"),
                "codes": [found["code"] for found in told["diagnostics"]],
                "blame": [found["category"] for found in told["diagnostics"] if found["source"] == "runtime"],
                "fine": sum(token["components"]["fine"] for token in told["tokens"]),
                "seconds": cpu_seconds() - before,
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
