"""Make a run directory as the trainer writes it, in a moment: real records from real feedback, invented programs.

No program is run. The executions are written by hand.
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
from pathlib import Path

import numpy as np

from engine import Diagnostic, ErrorKind, Execution, Frame, ProgramError, Report, Source, TestResult, Verdict
from engine.text import ProgramText
from feedback import FinishReason, assess, to_json
from training.run.listing import encoded, listed
from training.run.store import RunStore

PASSED = "def solve(values):\n    total = 0\n    for value in values:\n        if value % 2 == 0:\n            total += value\n    return total\n"
WRONG = PASSED.replace("== 0", "== 1")
UNDEFINED = PASSED.replace("total += value", "totl += value")
INDEX = "def solve(values):\n    best = values[0]\n    for i in range(len(values)):\n        best = max(best, values[i + 1])\n    return best\n"
SYNTAX = PASSED.replace("for value in values:", "for value in values")
TIMEOUT = "def solve(values):\n    while True:\n        values = sorted(values)\n    return values\n"
UNICODE = 'def solve(values):\n    # grüße 🎉\n    label = "naïve ✓"\n    return label + len(values)\n'
PROMPT = "Write a function `solve(values)` that returns the sum of the even numbers in a list.\n\nExample: solve([1, 2, 4]) == 6"


def execution(verdict: Verdict, error: ProgramError | None = None, passed: int = 0, tests: int = 3) -> Execution:
    results = [
        TestResult(Verdict.PASSED if each < passed else verdict, 0.002, actual=str(each)) for each in range(tests)
    ]
    return Execution(verdict, tuple(results), error, 0.006, "3: rlimits+seccomp+landlock+namespaces")


def reports() -> dict[str, Report]:
    """One report of each outcome."""
    return {
        "passed": Report(PASSED.encode(), execution(Verdict.PASSED, passed=3), ()),
        "failed": Report(
            WRONG.encode(),
            execution(Verdict.FAILED, passed=1),
            (
                _found(
                    WRONG,
                    Source.LIBCST,
                    "off-by-one",
                    "the comparison excludes what the prompt asks for",
                    "value % 2 == 1",
                ),
            ),
        ),
        "name": _raised(
            UNDEFINED,
            "NameError",
            "name 'totl' is not defined",
            "totl += value",
            ("E0602", "Undefined variable 'totl'", "totl"),
        ),
        "index": _raised(
            INDEX,
            "IndexError",
            "list index out of range",
            "values[i + 1]",
            ("C0200", "Consider using enumerate", "range(len(values))"),
        ),
        "syntax": Report(
            SYNTAX.encode(),
            execution(
                Verdict.ERROR,
                _error(SYNTAX, ErrorKind.SYNTAX, "SyntaxError", "expected ':'", "for value in values"),
                tests=0,
            ),
            (_found(SYNTAX, Source.SYNTAX, "SyntaxError", "expected ':'", "for value in values"),),
        ),
        "timeout": Report(
            TIMEOUT.encode(),
            execution(Verdict.ERROR, ProgramError(ErrorKind.TIMEOUT, "TimeoutError", "4 s of CPU time used up")),
            (Diagnostic(Source.RUNTIME, "TimeoutError", "4 s of CPU time used up", None),),
        ),
        "unicode": _raised(
            UNICODE,
            "TypeError",
            'can only concatenate str (not "int") to str',
            "label + len(values)",
            ("W0612", "Unused import", "values"),
        ),
    }


def _error(program: str, kind: ErrorKind, type: str, message: str, where: str) -> ProgramError:
    return ProgramError(kind, type, message, (Frame("solve", _span(program, where)),))


def _raised(program: str, type: str, message: str, where: str, static: tuple[str, str, str]) -> Report:
    error = _error(program, ErrorKind.RUNTIME, type, message, where)
    findings = (_found(program, Source.RUNTIME, type, message, where), _found(program, Source.PYLINT, *static))
    return Report(program.encode(), execution(Verdict.ERROR, error), findings)


def _span(program: str, where: str):
    start = len(program[: program.index(where)].encode())
    return ProgramText(program.encode()).span(start, start + len(where.encode()))


def _found(program: str, source: Source, code: str, message: str, where: str) -> Diagnostic:
    return Diagnostic(source, code, message, _span(program, where))


def record(report: Report, *, problem_id: str = "sum_even/2", step: int = 3, sample: int = 0, seed: int = 0) -> dict:
    """The record of one sample, tokens and all (docs/architecture.md)."""
    chance = random.Random(seed)
    # pieces of at most five bytes: characters are split over tokens, as byte-level tokenizers do
    pieces = [match.group() for match in re.finditer(rb"\n *| ?[A-Za-z_]{1,5}| ?[^A-Za-z_\n]", report.program)]
    ends = np.cumsum([len(piece) for piece in pieces])
    offsets = np.array(
        [*zip(ends - [len(piece) for piece in pieces], ends, strict=True), (len(report.program), len(report.program))],
        np.int32,
    )
    feedback = assess(report, offsets, finish_reason=FinishReason.STOP)
    line = {
        **to_json(feedback, f"{problem_id}/{step}/{sample}"),
        "program": report.program.decode(errors="replace"),
        "prompt": PROMPT,
        "problem_id": problem_id,
        "step": step,
        "sample": sample,
        "policy_version": step,
        "finish_reason": "stop",
        "baseline": {"coarse": -0.3, "adaptive": -0.1},
    }
    for index, token in enumerate(line["tokens"]):
        token |= {"id": 100 + index, "logprob": -chance.expovariate(2), "advantage": token["reward"] + 0.4}
    for index, test in enumerate(line["tests"]):
        test |= {"input": f"[{index}, 2, 4]", "expected": str(6 + index), "actual": str(index)}
    return line


def make_run(folder: Path, *, steps: int = 30, per_step: int = 12, state: str = "finished", seed: int = 0) -> Path:
    """Write a run directory into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text("")
    RunStore(folder).close()
    database = sqlite3.connect(folder / "run.db")
    append_steps(database, 0, steps, per_step=per_step, seed=seed, total=steps)
    append_state(database, steps, state=state, total=steps)
    database.close()
    if state == "finished":
        summary = {
            "held_out": {"before": {"pass@1": 0.2}, "after": {"pass@1": 0.7}, "problems": 40, "samples_per_problem": 4},
            "steps": steps,
            "seconds": 12.5,
            "samples": steps * per_step,
            "seed": seed,
        }
        (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def append_state(database: sqlite3.Connection, step: int, *, state: str, total: int, id: int | None = None) -> None:
    data = {"state": state, "step": step, "steps": total, "id": id}
    database.execute("INSERT INTO events VALUES (?, ?, 0, 'state', ?)", (next_seq(database), step, json.dumps(data)))
    database.commit()


def next_seq(database: sqlite3.Connection) -> int:
    return 1 + max(
        database.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()[0]
        for table in ("metrics", "samples", "events")
    )


def append_steps(
    database: sqlite3.Connection, first: int, last: int, *, per_step: int = 12, seed: int = 0, total: int = 0
) -> None:
    """Steps `first + 1` to `last` of a policy that gets better."""
    made = reports()
    chance = random.Random(f"{seed} {first}")
    for step in range(first + 1, last + 1):
        skill = 0.15 + 0.6 * step / max(total, last)
        names = [
            chance.choices(list(made), [10 * skill, 2, 3 * (1 - skill), 2, 2 * (1 - skill) ** 2, 0.6, 0.5])[0]
            for _ in range(per_step)
        ]
        rewards = []
        for sample, name in enumerate(names):
            report = made[name]
            line = record(
                report,
                problem_id=f"sum_even/{chance.randrange(9)}",
                step=step,
                sample=sample,
                seed=step * per_step + sample,
            )
            rewards.append(float(np.mean([token["reward"] for token in line["tokens"]])))
            codes = " ".join(sorted({each["code"] for each in line["diagnostics"]}))
            row = (
                next_seq(database),
                step,
                line["problem_id"],
                sample,
                line["verdict"],
                (line["error"] or {}).get("type", ""),
                line["pass_ratio"],
                rewards[-1],
                codes,
                *encoded(listed(line)).values(),
                json.dumps(line),
            )
            database.execute(f"INSERT INTO samples VALUES ({','.join('?' * len(row))})", row)
        classes = {"passed": "passed", "failed": "failed", "syntax": "syntax", "timeout": "timeout"}
        counts = dict.fromkeys(("passed", "failed", "syntax", "runtime", "timeout", "other", "infra"), 0)
        for name in names:
            counts[classes.get(name, "runtime")] += 1
        metrics = {f"outcome/{name}": count / per_step for name, count in counts.items()}
        metrics |= {"pass_rate": counts["passed"] / per_step, "reward/mean": float(np.mean(rewards))}
        if step in (1, total) or step % 10 == 0:
            metrics |= {"held_out/pass@1": skill - 0.1, "held_out/greedy": skill - 0.02}
        for name, value in metrics.items():
            database.execute("INSERT INTO metrics VALUES (?, ?, ?, ?)", (next_seq(database), step, name, value))
        database.commit()
