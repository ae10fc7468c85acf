"""The tables of docs/data-quality.md, from what `benchmarks.data_quality measure` saw.

What this does not do: measure.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.tables import write_between_markers
from training.quality.audit.findings import MEANINGS, Kind

_MADE = "Made by `python -m benchmarks.data_quality measure ../shared/data WORK` and `... write WORK`"


def write_tables(work: Path, page: Path) -> None:
    """Writes the tables between their markers."""
    audits = {name: json.loads((work / f"audit-{name}.json").read_text()) for name in ("mbpp", "apps")}
    write_between_markers(page, "audit", _audit(audits))
    runs = {name: _lines(work / f"amplify-{name}.jsonl") for name in ("mbpp", "quixbugs", "apps")}
    left_out = json.loads((work / "quixbugs-left-out.json").read_text())
    write_between_markers(page, "amplify", _amplify(runs, left_out))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _audit(audits: dict[str, Any]) -> str:
    names = {"mbpp": "MBPP, all 974", "apps": "APPS, 5 samples"}
    figures = {name: audit["summary"] for name, audit in audits.items()}
    rows: list[list[object]] = [["problems", *(each["problems"] for each in figures.values())]]
    rows.append(["references right", *(f"{e['references_right']} of {e['references']}" for e in figures.values())])
    for kind in Kind:
        counts = [each["findings"].get(kind.value, {"problems": 0, "dropped": 0}) for each in figures.values()]
        if any(count["problems"] for count in counts):
            cells = (f"{c['problems']}" + (f" ({c['dropped']} dropped)" if c["dropped"] else "") for c in counts)
            rows.append([f"`{kind.value}`: {MEANINGS[kind]}", *cells])
    rows.append(["**kept**", *(each["kept"] for each in figures.values())])
    rows.append(["mutants", *(each["mutants"] for each in figures.values())])
    rows.append(["mean mutation score", *(f"{each['mean_score']:.1%}" for each in figures.values())])
    rows.append(["seconds", *(f"{each['seconds']:.0f}" for each in figures.values())])
    rows.append(["seconds per 1,000 problems", *(f"{e['seconds_per_1000_problems']:.0f}" for e in figures.values())])
    operators = figures["mbpp"]["by_operator"]
    made = _table(
        ["mutants of MBPP references", "made", "caught by the tests"],
        ([name, count, f"{caught / count:.1%}"] for name, (caught, count) in operators.items()),
    )
    dropped = _table(
        ["dropped from MBPP", "why"],
        (
            [problem["id"].removeprefix("mbpp/"), "; ".join(f"{f['kind']}: {f['detail']}" for f in reasons)]
            for problem in audits["mbpp"]["problems"]
            if (reasons := [finding for finding in problem["findings"] if finding["drop"]])
        ),
    )
    head = f"{_MADE}; one pair of sandbox workers on a machine of 2 cores that others used too."
    return "\n\n".join([head, _table(["", *(names[name] for name in figures)], rows), made, dropped])


def _amplify(runs: dict[str, list[dict[str, Any]]], quixbugs_left_out: dict[str, str]) -> str:
    mbpp = runs["mbpp"]
    tried = [line for line in mbpp if not line["left_out"]]
    return "\n\n".join(
        [
            f"{_MADE}; seed 1, 60 mutants of each problem at most, one half to choose tests with, the other held out.",
            "Many mutants that are left behave as the reference does. The machine: 2 cores with a load of 7 to 14.",
            _scores({"MBPP test split": mbpp, "APPS, 5 samples": runs["apps"], "QuixBugs": runs["quixbugs"]}),
            _table(
                ["wrong programs that passed the old tests", "programs", "caught by the new tests"],
                [
                    ["held-out mutants, MBPP test split", *_newly(tried)],
                    ["held-out mutants, APPS samples", *_newly(runs["apps"])],
                    ["bugs of QuixBugs, never shown", *_others(runs["quixbugs"], "bug")],
                ],
            ),
            _table(
                ["programs taken to be right that passed the old tests", "programs", "rejected by the new tests"],
                [
                    ["MBPP: references of problems with the same prompt or tests", *_others(mbpp, "right")],
                    ["APPS: every other reference, not asked for outputs", *_others(runs["apps"], "right")],
                ],
            ),
            _table(["MBPP test split: left out", "problems"], _counted(line["left_out"] for line in mbpp)),
            _table(["MBPP test split: inputs that no test was made of", "inputs"], _rejected(mbpp)),
            _table(["QuixBugs: left out", "programs"], _counted(quixbugs_left_out.values())),
        ]
    )


def _scores(runs: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for name, lines in runs.items():
        tried = [line for line in lines if not line["left_out"]]
        shown, held = ([sum(line[key][i] for line in tried) for i in range(3)] for key in ("chosen_with", "held_out"))
        tests = sum(line["tests"] for line in lines)
        added = sum(line["added"] for line in lines)
        seconds = sum(line["elapsed"] for line in lines)
        rows.append(
            [
                name,
                f"{len(tried)} of {len(lines)}",
                f"{tests} + {added}",
                sum(bool(line["added"]) for line in lines),
                f"{shown[1] / shown[0]:.1%} → {shown[2] / shown[0]:.1%} of {shown[0]}",
                f"{held[1] / held[0]:.1%} → **{held[2] / held[0]:.1%}** of {held[0]}",
                f"{1000 * seconds / len(lines):.0f}",
            ]
        )
    head = ["", "problems tried", "tests", "problems with new ones", "mutants chosen with: caught"]
    return _table([*head, "held-out mutants: caught", "seconds per 1,000 problems"], rows)


def _newly(lines: list[dict[str, Any]]) -> list[object]:
    missed = sum(line["held_out"][0] - line["held_out"][1] for line in lines if not line["left_out"])
    caught = sum(line["held_out"][2] - line["held_out"][1] for line in lines if not line["left_out"])
    return [missed, f"{caught} ({caught / max(missed, 1):.0%})"]


def _others(lines: list[dict[str, Any]], kind: str) -> list[object]:
    after = [after for line in lines for what, before, after in line["others"] if what == kind and before]
    return [len(after), f"{after.count(False)} ({after.count(False) / max(len(after), 1):.0%})"]


def _counted(reasons: Iterable[str]) -> list[list[object]]:
    found = Counter(reason for reason in reasons if reason)
    return [[reason, count] for reason, count in found.most_common()] or [["none", 0]]


def _rejected(lines: list[dict[str, Any]]) -> list[list[object]]:
    found: Counter[str] = Counter()
    for line in lines:
        found.update(line["rejected"])
    tried = sum(line["candidates"] for line in lines)
    return [[f"(tried: {tried})", ""], *([reason, count] for reason, count in found.most_common())]
