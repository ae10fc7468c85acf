"""A sample's record as terminal text: the program with its error spans marked, and what they mean.

What this module does not do: compute anything: it draws the JSON of docs/architecture.md ("A run directory"). All model
text goes through `rich.text.Text`, never through markup, and control characters are shown as escapes.
"""

from __future__ import annotations

import itertools
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_LETTERS = {"U_global": "G", "U_line": "L", "U_ignore": "I"}
_SHOWN_TESTS, _SHOWN_CHARACTERS = 2, 100
_STYLES = {"G": "bold red", "L": "underline bold red", "I": "dim underline"}


def render_record(record: dict[str, Any]) -> Panel:
    """The program with line numbers, letters of the blames (G, L, I) and reward per line; then its diagnostics."""
    program = str(record["program"]).encode()
    code = Table.grid(padding=(0, 1))
    code.add_column(justify="right", style="dim")
    code.add_column(style="bold red")
    code.add_column(overflow="fold")
    code.add_column(justify="right", style="dim")
    start = 0
    for number, line in enumerate(program.split(b"\n"), start=1):
        end = start + len(line)
        if line or end < len(program):
            text, letters = _line(record, program, start, end)
            reward = line_reward(record, start, end + 1)
            code.add_row(str(number), letters, text, "" if reward is None else f"{reward:+.2f}")
        start = end + 1
    error = record.get("error") or {}
    title = Text.assemble(
        (visible(str(record.get("problem_id") or record["id"])), "bold"),
        f"  {record['verdict']} ",
        (visible(str(error.get("type", ""))), "red"),
        f"  {record['pass_ratio']:.0%} of {len(record['tests'])} tests" if record["tests"] else "  no test ran",
    )
    return Panel(Group(code, *_messages(record), *_tests(record)), title=title, title_align="left", expand=False)


def line_reward(record: dict[str, Any], start: int, end: int) -> float | None:
    """Sum of the rewards of the tokens that begin in bytes `start`..`end`; None where no tokens are known."""
    tokens = record.get("tokens")
    if tokens is None:
        return None
    return float(
        sum(token["reward"] for token in tokens if start <= token["start_byte"] < end and token["end_byte"] > start)
    )


def visible(text: str) -> str:
    """Text with control and direction-changing characters written as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _line(record: dict[str, Any], program: bytes, start: int, end: int) -> tuple[Text, str]:
    spans = [
        (max(start, entry["start_byte"]), min(end, entry["end_byte"]), _LETTERS[entry["category"]])
        for entry in record["diagnostics"]
        if entry.get("start_byte") is not None
        and entry["start_byte"] < max(end, start + 1)
        and entry["end_byte"] > start
    ]
    borders = sorted({start, end, *(place for span in spans for place in span[:2])})
    text = Text()
    for left, right in itertools.pairwise(borders):
        covering = [letter for first, last, letter in spans if first <= left and right <= last]
        piece = visible(program[left:right].decode(errors="replace").replace("\t", "    "))
        text.append(piece, style=_STYLES[min(covering)] if covering else "")
    return text, "".join(sorted({letter for *_, letter in spans}))


def _tests(record: dict[str, Any]) -> list[Text]:
    """The first tests that did not pass: what went in, what should have come out and what did."""
    wrong = [(number, test) for number, test in enumerate(record["tests"], start=1) if test["verdict"] != "passed"]
    shown = []
    for number, test in [pair for pair in wrong if "input" in pair[1]][:_SHOWN_TESTS]:
        line = Text.assemble((f"test {number} {test['verdict']} ", "bold"), _cut(test["input"]))
        if test["expected"]:
            line.append("  expected ", "dim").append(_cut(test["expected"]))
        if test["verdict"] == "failed":
            line.append("  got ", "dim").append(_cut(test["actual"]))
        shown.append(line)
    return shown


def _cut(text: str) -> str:
    return visible(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")


def _messages(record: dict[str, Any]) -> list[Text]:
    messages = []
    for entry in record["diagnostics"]:
        letter = _LETTERS[entry["category"]]
        place = f"{entry['line']}:{entry['column']} " if entry.get("line") is not None else ""
        messages.append(
            Text.assemble(
                (f"{letter} ", "bold red" if letter != "I" else "dim"),
                (f"{place}{entry['source']} {visible(entry['code'])} ", "bold"),
                visible(entry["message"]),
                (f"  (strength {entry['strength']:.2g})", "dim"),
            )
        )
    return messages
