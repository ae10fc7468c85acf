"""Show results in the terminal: rates with intervals, two results side by side, and a result among the paper's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.data import APPS_DIFFICULTIES
from training.evaluation.comparison import Beside, Compared, beside_published, common_ks, compared
from training.evaluation.estimates import Estimate
from training.evaluation.published import published_for
from training.evaluation.results import OVERALL, Result, ResultError, Row, rows_of


def rates_table(title: str, rows: Sequence[Row]) -> Table:
    """Make a line for each temperature and difficulty: rates with their 95% intervals, in percent."""
    names = list(dict.fromkeys(name for row in rows for name in row.rates))
    table = _table(f"{title}, %", "T", "difficulty", "problems", *names)
    for row in rows:
        rates = (_estimate(row.rates.get(name)) for name in names)
        table.add_row(f"{row.temperature:g}", escape(row.difficulty), str(row.problems), *rates)
    return table


def outcomes_table(rows: Sequence[Row]) -> Table:
    """Make a line for each temperature with the outcomes of its samples, in percent."""
    overall = [row for row in rows if row.difficulty == OVERALL]
    names = sorted({name for row in overall for name in row.outcomes})
    table = _table("samples by outcome, %", "T", "samples", *names)
    for row in overall:
        shares = (f"{100 * row.outcomes.get(name, 0):.1f}" for name in names)
        table.add_row(f"{row.temperature:g}", str(row.samples), *shares)
    return table


def comparison_table(first: str, second: str, rows: Iterable[Compared]) -> Table:
    """Make a line for each rate that both results have."""
    title = f"{first} (A) and {second} (B) on the problems that both have, %"
    table = _table(title, "rate", "T", "difficulty", "problems", "A", "B", "B - A", "p")
    for row in rows:
        one, other = row.temperatures
        found = row.difference
        table.add_row(
            row.rate,
            f"{one:g}" if one == other else f"{one:g}, {other:g}",
            escape(row.difficulty),
            str(found.problems),
            f"{100 * row.first:.1f}",
            f"{100 * row.second:.1f}",
            rf"{100 * found.value:+.1f} \[{100 * found.low:+.1f}, {100 * found.high:+.1f}]",
            f"{found.p_value:.4f}",
        )
    return table


def paper_table(k: int, rows: Sequence[Beside]) -> Table:
    """Make a table of the paper's rows at one k with ours below, then our intervals and notes on doubtful rows."""
    levels = [level for level in (*APPS_DIFFICULTIES, OVERALL) if any(level in row.rates for row in rows)]
    table = _table(f"pass@{k} beside the RLTF paper's tables, %", "method", "size", *levels)
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    captions = [f"({index}) {note}" for index, note in enumerate(notes, start=1)]
    for row in rows:
        mark = f" ({notes.index(row.note) + 1})" if row.note else ""
        cells = (_percent(row.rates, level) for level in levels)
        table.add_row(escape(row.method) + mark, row.size, *cells, style="bold" if row.ours else None)
        intervals = [
            f"{level} {100 * found.low:.2f} to {100 * found.high:.2f}"
            for level in levels
            if isinstance(found := row.rates.get(level), Estimate)
        ]
        if intervals:
            captions.append(f"{row.method}, 95% intervals: {', '.join(intervals)}")
    table.caption = escape("\n".join(captions)) or None
    table.caption_justify = "left"
    return table


def show_comparisons(
    console: Console, pairs: Sequence[tuple[Result, Result]], beside_paper: Sequence[Result], ks: Sequence[int]
) -> None:
    """Print pairs of results beside each other, and results beside the paper's tables, at `ks` or at the usual ones.

    Raises:
        ResultError: they have nothing in common that could be compared.
    """
    for first, second in pairs:
        found = compared(first, second, common_ks([first, second], ks))
        console.print()
        console.print(comparison_table(first.name, second.name, found))
    for result in beside_paper:
        for table in _paper_tables(result, ks):
            console.print()
            console.print(table)


def _paper_tables(result: Result, wanted: Sequence[int]) -> Iterator[Table]:
    others = published_for({sample.source for sample in result.samples})
    if not others:
        raise ResultError(f"{result.name}: the paper's tables are about APPS and MBPP, not about these problems")
    theirs = sorted({k for row in others for k, _ in row.rates})
    ks = [k for k in common_ks([result], wanted or theirs) if k in theirs]
    if not ks:
        allowed = ", ".join(map(str, theirs))
        raise ResultError(f"{result.name}: the paper has pass@k for k = {allowed}: sample enough, and give such a --k")
    found = rows_of(result.samples, ks, [])
    for k in ks:
        yield paper_table(k, list(beside_published(result.name, found, others, k)))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        words = name in ("difficulty", "method", "rate")
        whole = name in ("T", "difficulty", "problems", "samples", "size")
        table.add_column(name, justify="left" if words else "right", overflow="fold", no_wrap=whole)
    return table


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return rf"{100 * estimate.value:.1f} \[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _percent(rates: Mapping[str, Estimate | float], level: str) -> str:
    found = rates.get(level)
    if found is None:
        return "-"
    return f"{100 * (found.value if isinstance(found, Estimate) else found):.2f}"
