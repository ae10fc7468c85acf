"""Write self-contained pages, and plain tables for readers without scripts and styles.

All text is escaped here, because it may come from a model.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.page.data import (
    RECORDS_BUDGET,
    compact,
    mark_counts,
    newest_step,
    newest_summaries,
    outcome_counts,
    page_data,
)
from training.page.script import STYLE, view_script
from training.run import Run

_LISTED = 12
_LIST = (Path(__file__).parent / "js" / "invisible.js").read_text(encoding="utf-8")
_INVISIBLE: list[tuple[int, int]] = json.loads(_LIST[_LIST.index("[") : _LIST.rindex(",")] + "]")
"""The ranges of code points that the view's script spells out: one list for both languages."""
_LETTERS = {"U_global": "G", "U_line": "L", "U_ignore": "I"}
_VERDICTS = "SELECT verdict, count(*) AS count FROM samples GROUP BY verdict"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; padding: {padding}; font-family: system-ui, sans-serif; }}
body:has(.rltf) {{ background: #fff; }}
@media (prefers-color-scheme: dark) {{ body:has(.rltf) {{ background: #14181e; }} }}
h1:has(+ div .rltf) {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
{style}
</style>
</head>
<body>
<main><h1>{title}</h1><div id="view">{fallback}</div></main>
<script type="application/json" id="data">{data}</script>
<script type="module">
{script}
const view = document.getElementById("view");
render({{ model: {{ get: () => JSON.parse(document.getElementById("data").textContent) }}, el: view }});
</script>
</body>
</html>
"""


def build_page(
    run: Run,
    *,
    budget: float | None = None,
    programs: bool = True,
    beside: Sequence[Run] = (),
    most: int | None = None,
    theme: str | None = None,
    host: str = "page",
) -> str:
    """Build one HTML page of a run that needs no network, no kernel and no rltf.

    Args:
        run: The run, finished or not; the page shows it as it is now.
        budget: Bytes of compressed sample records to keep (`math.inf`: all); None for the default of `page_data`.
        programs: Whether every sample keeps its program.
        beside: Other runs whose curves and configuration are shown beside this one's.
        most: The newest so many samples are listed; None for all.
        theme: `light` or `dark`; None follows the reader's own setting.
        host: `page`, or `frame` for a page inside a notebook's output.
    """
    budget = RECORDS_BUDGET if budget is None else budget
    data = page_data(run, budget=budget, programs=programs, beside=beside, most=most)
    return _page(f"{run.name} · rltf", {**data, "theme": theme, "host": host}, run_table(run), host)


def build_sample_page(record: Mapping[str, Any], *, host: str = "page") -> str:
    """Build a page of one sample's record."""
    title = f"{record.get('problem_id') or record.get('id') or 'program'} · rltf"
    return _page(title, {"record": compact(dict(record)), "host": host}, record_table(record), host)


def _page(title: str, data: Mapping[str, Any], fallback: str, host: str) -> str:
    return _PAGE.format(
        policy=_POLICY,
        title=escape(title),
        style=STYLE,
        fallback=fallback,
        data=json_in_html(data),
        script=view_script(),
        padding="0" if host == "frame" else "12px",
    )


def json_in_html(data: object) -> str:
    """Write JSON that cannot end its script element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)  # ASCII only: nothing invisible in it
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def escape(text: object) -> str:
    """Escape text for HTML, and spell out characters that hide or reorder others."""
    shown = "".join(_spelled(character) for character in str(text))
    return html.escape(shown)


def _spelled(character: str) -> str:
    code = ord(character)
    return f"⟦U+{code:04X}⟧" if any(first <= code <= last for first, last in _INVISIBLE) else character


def run_line(run: Run) -> str:
    """Describe a run in one line of text, for readers who get nothing else."""
    state = run.state
    step = f"step {newest_step(run)}" + (f" of {state['steps']}" if state.get("steps") else "")
    counts = {row["verdict"]: row["count"] for row in run.rows(_VERDICTS)}
    samples = f"{sum(counts.values())} samples, {counts.get('passed', 0)} passed"
    return f"rltf run {run.name}: {state.get('state')} at {step}, {samples}{_held_out(run)}"


def record_line(record: Mapping[str, Any]) -> str:
    """Describe one sample in one line of text."""
    tests = record.get("tests") or ()
    passed = sum(test.get("verdict") == "passed" for test in tests)
    error = (record.get("error") or {}).get("type")
    what = record.get("problem_id") or record.get("id") or "program"
    verdict = f"{record.get('verdict')}{f' ({error})' if error else ''}"
    return f"rltf: {what}: {verdict}, {passed} of {len(tests)} tests passed"


def _held_out(run: Run) -> str:
    points = [row["value"] for row in run.metrics() if row["name"] == "held_out/pass@1" and row["value"] is not None]
    ends = dict.fromkeys(f"{100 * value:.1f}%" for value in (points[:1] + points[-1:]))
    return f", held-out pass@1 {' → '.join(ends)}" if points else ""


def run_table(run: Run) -> str:
    """Write a run as plain HTML tables: state, held-out result, outcomes, frequent diagnostics, some samples."""
    outcomes, marks = outcome_counts(run), mark_counts(run)
    rows = [
        ("run", run.name),
        ("state", f"{run.state.get('state')}, step {newest_step(run)}"),
        ("samples", str(sum(outcomes.values()))),
    ]
    points = [row["value"] for row in run.metrics() if row["name"] == "held_out/pass@1" and row["value"] is not None]
    if points:
        rows.append(("held-out pass@1", " → ".join(f"{100 * value:.1f}%" for value in (points[0], points[-1]))))
    rows.append(("outcomes", ", ".join(f"{name} {count}" for name, count in outcomes.most_common())))
    rows.append(("frequent diagnostics", ", ".join(f"[{mark}] {count}" for mark, count in marks.most_common(6))))
    listed = [
        (
            f"step {sample['step']}",
            sample["problem_id"],
            sample["outcome"],
            f"{sample['reward']:+.2f}",
            " ".join(f"[{mark}]" for mark in sample["marks"]),
        )
        for sample in newest_summaries(run, _LISTED)
    ]
    return _table(rows) + _table(listed, ("step", "problem", "outcome", "reward", "diagnostics"))


def record_table(record: Mapping[str, Any]) -> str:
    """Write one sample as plain HTML: verdict, program, and its error spans as text."""
    findings = [
        (
            _LETTERS.get(finding["category"], "?"),
            f"{finding['source']} {finding['code']}",
            "whole program" if finding["line"] is None else f"{finding['line']}:{finding['column']}",
            finding["message"],
        )
        for finding in record.get("diagnostics", ())
    ]
    tokens = record.get("tokens") or ()
    reward = sum(token["reward"] for token in tokens) / len(tokens) if tokens else None
    facts = [
        ("verdict", record.get("verdict", "")),
        ("tests passed", f"{100 * record.get('pass_ratio', 0):.0f}%"),
        ("mean token reward", "" if reward is None else f"{reward:+.3f}"),
    ]
    program = f"<pre>{escape(_marked(record))}</pre>"
    return _table(facts) + program + _table(findings, ("class", "diagnostic", "place", "message"))


def _marked(record: Mapping[str, Any]) -> str:
    """Number the program's lines, each followed by the marks of its diagnostics, such as `[L pylint E0602]`."""
    marks: dict[int, list[str]] = {}
    for finding in record.get("diagnostics", ()):
        if finding["line"] is not None:
            mark = f"[{_LETTERS.get(finding['category'], '?')} {finding['source']} {finding['code']}]"
            marks.setdefault(finding["line"], []).append(mark)
    lines = str(record.get("program", "")).split("\n")
    width = max(len(line) for line in lines)
    return "\n".join(
        f"{number:>3} | {line:<{width}}  {' '.join(marks.get(number, ()))}".rstrip()
        for number, line in enumerate(lines, start=1)
    )


def _table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    if not rows:
        return ""
    head = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in header) + "</tr>" if header else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{head}{body}</table>"
