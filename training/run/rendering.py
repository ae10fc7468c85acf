"""Draw a sample's record as terminal text: the program with its error spans marked, and their meaning.

The record is the JSON of docs/architecture.md ("A run directory"). All model text goes through `rich.text.Text` and
never through markup, and control characters are shown as escapes.
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
    """Draw the program with line numbers, letters of the blames (G, L, I) and what each line has beyond the uniform
    reward; then its diagnostics.
    """
    program = str(record["program"]).encode()
    code = Table.grid(padding=(0, 1))
    code.add_column(justify="right", style="dim")
    code.add_column(style="bold red")
    code.add_column(overflow="fold")
    code.add_column(justify="right", style="dim")
    uniform = uniform_reward(record)
    start = 0
    for number, line in enumerate(program.split(b"\n"), start=1):
        end = start + len(line)
        if line or end < len(program):
            text, letters = _line(record, program, start, end)
            beyond = beyond_uniform(record, start, end + 1)
            code.add_row(str(number), letters, text, f"{beyond:+.2f}" if beyond else "")
        start = end + 1
    error = record.get("error") or {}
    title = Text.assemble(
        (visible(str(record.get("problem_id") or record["id"])), "bold"),
        f"  {record['verdict']} ",
        (visible(str(error.get("type", ""))), "red"),
        f"  {record['pass_ratio']:.0%} of {len(record['tests'])} tests" if record["tests"] else "  no test ran",
    )
    note = [] if uniform is None else [Text(f"every token {uniform:+.2f}; beside a line: its mean beyond that", "dim")]
    return Panel(Group(code, *note, *_messages(record), *_tests(record)), title=title, title_align="left", expand=False)


def uniform_reward(record: dict[str, Any]) -> float | None:
    """Give the reward of a token without blame: that of the whole program. None where no tokens are known."""
    rewards = [token["reward"] for token in record.get("tokens") or ()]
    return max(rewards, default=None)


def beyond_uniform(record: dict[str, Any], start: int, end: int) -> float:
    """Give what the tokens that begin in bytes `start`..`end` have beyond the uniform reward, as a mean per token.

    A sum would make a long line that is right look worse than a short one that is blamed.
    """
    tokens = record.get("tokens") or ()
    rewards = [token["reward"] for token in tokens if start <= token["start_byte"] < end and token["end_byte"] > start]
    uniform = uniform_reward(record)
    return 0.0 if not rewards or uniform is None else sum(rewards) / len(rewards) - uniform


def visible(text: str) -> str:
    """Write control and direction-changing characters as escapes."""
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
    """Show the first tests that did not pass, with input, expected output and actual output."""
    wrong = [(number, test) for number, test in enumerate(record["tests"], start=1) if test["verdict"] != "passed"]
    shown = []
    for number, test in [pair for pair in wrong if "input" in pair[1]][:_SHOWN_TESTS]:
        line = Text.assemble((f"test {number} {test['verdict']} ", "bold"), _cut(test["input"]))
        if test["expected"]:
            line.append("  expected ", "dim").append(_cut(test["expected"]))
        if test["verdict"] == "failed":
            line.append("  got ", "dim").append(_cut(test["actual"]))
        if test.get("note"):
            line.append("  ").append(_cut(test["note"]), "dim")
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
