"""What the linters say of correct programs: `python -m benchmarks.false_positives [--write]` makes `docs/taxonomy.md`.

Reads every MBPP and APPS reference under `../shared/data` that passes its tests, and prints the taxonomy with the share
of them that each message was found in. What this does not do: change the taxonomy; a message above 1% carries no
penalty because a person wrote its row so.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from engine import Analyser, Judge, Problem, Verdict, parse_problem
from feedback.taxonomy import Rule, load_taxonomy

DATA = Path("../shared/data")
PAGE = Path("docs/taxonomy.md")
SECTIONS = {
    "exception": "Exceptions",
    "outcome": "Outcomes of the harness",
    "pylint": "pylint messages",
    "libcst": "Own checks, on libcst",
}
INTRODUCTION = """# What each finding blames

Made by `python -m benchmarks.false_positives --write` from `feedback/taxonomy.toml`. Do not edit this page.

`U_global` blames the whole program, `U_line` a place in it, and `U_ignore` nothing (RLTF, Table 2). *Strength* is the
weight of the penalty in `default` mode. A static finding counts only in a program that failed. With the gate `failing`
it counts in every such program, halved where the run-time error does not agree and times 0.3 for a wrong answer. With
`confirmed` it counts only where the error is on the same line or of a type listed. A linter that agrees with the error
adds 0.2 to it.

*Correct programs* is the share of correct programs in which the message was found: {measured}. A message above 1%
carries no penalty. A blank means that it was never found there.

Exceptions are looked up by the builtin class that they are or descend from, whatever their own class is called. A row's
`table_2` is the class of a syntax error in `paper` and `release` mode, where the paper gives it another one.

A run overrides rows with a TOML file of the same shape: `rltf train --feedback.taxonomy mine.toml`.

```toml
[[exception]]
codes = ["IndentationError"]
category = "U_line"     # U_global | U_line | U_ignore
strength = 0.9          # 0 to 1
reason = "CPython's line is right in 93% of cases here"
```
"""


def main() -> None:
    """Measure, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    arguments = parser.parse_args()
    found, programs, measured = measure()
    page = render(found, programs, measured)
    if arguments.write:
        PAGE.write_text(page, encoding="utf-8")
    print(page)


def measure() -> tuple[Counter[tuple[str, str]], int, str]:
    """(source, code) -> number of correct programs with it; how many there were; and which."""
    with Judge() as judge:
        judged = [
            (source, program, problem, judge.submit(program, problem)) for source, program, problem in references()
        ]
        correct = [
            (source, program, problem)
            for source, program, problem, future in judged
            if future.result().verdict is Verdict.PASSED
        ]
    found: Counter[tuple[str, str]] = Counter()
    with Analyser() as analyser:
        waiting = [analyser.submit(program, problem) for _, program, problem in correct]
        for future in waiting:
            found.update({(item.source.value, item.code) for item in future.result()})
    sources = Counter(source for source, _, _ in correct)
    measured = ", ".join(f"{count} {source} references that pass their tests" for source, count in sources.items())
    return found, len(correct), measured


def references() -> Iterator[tuple[str, bytes, Problem]]:
    """Every reference solution of the public sets, with its problem."""
    for line in (DATA / "mbpp.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield "MBPP", row["code"].encode(), parse_problem(row)
    for folder in sorted((DATA / "APPS" / "train").iterdir()):
        problem = parse_problem(
            {**json.loads((folder / "input_output.json").read_text()), "prelude": "from typing import *"}
        )
        for solution in json.loads((folder / "solutions.json").read_text()):
            yield "APPS", solution.encode(), problem


def render(found: Counter[tuple[str, str]], programs: int, measured: str) -> str:
    """The page."""
    rules = load_taxonomy().rules
    lines = [INTRODUCTION.format(measured=measured)]
    for section, title in SECTIONS.items():
        static = section in ("pylint", "libcst")
        lines += [
            f"## {title}",
            "",
            "| codes | class | strength |" + (" gate | correct programs |" if static else "") + " reason |",
        ]
        lines += ["| --- | --- | ---: |" + (" --- | ---: |" if static else "") + " --- |"]
        rows = [rule for (kind, _), rule in rules.items() if kind == section]
        for _, group in groupby(rows, key=lambda rule: (rule.category, rule.strength, rule.gate, rule.reason)):
            lines.append(row_of(list(group), section, found, programs))
        lines.append("")
    return "\n".join(lines)


def row_of(group: list[Rule], section: str, found: Counter[tuple[str, str]], programs: int) -> str:
    """One table row: rules that say the same."""
    rule = group[0]
    codes = ", ".join(f"`{each.code}`" for each in group)
    cells = [codes, rule.category.value, f"{rule.strength:g}"]
    if section in ("pylint", "libcst"):
        confirms = f" ({', '.join(rule.confirms)})" if rule.gate == "confirmed" and rule.confirms else ""
        rates = [(each.code, found[section, each.code] / programs) for each in group if found[section, each.code]]
        shown = [f"{rate:.2%}" if len(group) == 1 else f"{code} {rate:.2%}" for code, rate in rates]
        cells += [f"{rule.gate.value}{confirms}" if rule.strength else "", ", ".join(shown)]
    return "| " + " | ".join([*cells, rule.reason]) + " |"


if __name__ == "__main__":
    main()
