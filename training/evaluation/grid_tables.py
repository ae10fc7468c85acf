"""Write the tables and learning curves of a grid of runs, from `outcomes.jsonl` alone.

Every arm is in every table, finished or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from scipy import stats

from training.evaluation.grid import Grid, Outcome
from training.run.rows import OUTCOMES

CONFIDENCE = 0.95
_COLUMNS = 4
_HERE, _THERE = "#0072b2", "#999999"

Runs = Mapping[str, Sequence[Outcome]]
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeedMean:
    """A mean over seeds."""

    mean: float
    error: float
    """Standard error, or nan for one seed."""
    half_width: float
    """Half the width of Student's confidence interval (`CONFIDENCE`), or nan for one seed."""
    seeds: int


def estimate(values: Sequence[float]) -> SeedMean:
    """Compute mean, standard error and Student interval of independent values.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values to sum up")
    count = len(values)
    if count == 1:
        return SeedMean(float(values[0]), float("nan"), float("nan"), 1)
    error = float(np.std(values, ddof=1) / np.sqrt(count))
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1))
    return SeedMean(float(np.mean(values)), error, quantile * error, count)


def area(outcome: Outcome) -> float:
    """Compute the mean sampled pass@1 over the run (trapezoids over steps), a measure of sample efficiency."""
    steps = [point.step for point in outcome.curve]
    rates = [point.sampled for point in outcome.curve]
    width = steps[-1] - steps[0]
    return float(np.trapezoid(rates, steps)) / width if width else rates[-1]


def tables(grid: Grid, outcomes: dict[tuple[str, int], Outcome]) -> str:
    """Write the grid's tables as Markdown.

    Rates are percentages on held-out problems, and `±` is the standard error over seeds. Differences are to each
    reference arm with the same seed, with a Student interval.
    """
    runs = {arm.name: _runs(grid, outcomes, arm.name) for arm in grid.arms}
    return "\n\n".join(
        [
            _before([run for found in runs.values() for run in found]),
            _table(("arm", "seeds", "judged", "pass@1", "greedy", "mean pass@1 over the run"), _rates(runs)),
            *(_differences(runs, reference) for reference in grid.references),
            "pass@1 after so many steps:",
            _curves(runs),
            "Outcomes of the last evaluation's sampled programs, per cent:",
            _table(("arm", *OUTCOMES), _classes(runs)) + "\n",
        ]
    )


def _rates(runs: Runs) -> Iterator[Row]:
    for name, found in runs.items():
        if not found:
            yield name, "0", "", "not run", "", ""
            continue
        last = [run.curve[-1] for run in found]
        estimates = (
            estimate([point.sampled for point in last]),
            estimate([point.greedy for point in last]),
            estimate([area(run) for run in found]),
        )
        yield name, str(len(found)), f"{last[0].samples:,}", *map(_plain, estimates)


def _differences(runs: Runs, reference: str) -> str:
    against = {run.seed: run for run in runs[reference]}
    interval = f"{CONFIDENCE:.0%} interval"
    rows = []
    for name, found in runs.items():
        pairs = [(run, against[run.seed]) for run in found if run.seed in against]
        if name != reference and pairs:
            final = estimate([one.curve[-1].sampled - other.curve[-1].sampled for one, other in pairs])
            whole = estimate([area(one) - area(other) for one, other in pairs])
            rows.append((name, str(len(pairs)), *_signed(final), *_signed(whole)))
    return _table((f"arm, against {reference}", "pairs", "pass@1", interval, "mean over the run", interval), rows)


def _curves(runs: Runs) -> str:
    steps = sorted({point.step for found in runs.values() for run in found for point in run.curve})
    rows = ((name, *(_at(found, step) for step in steps)) for name, found in runs.items() if found)
    return _table(("arm", *map(str, steps)), rows)


def _at(found: Sequence[Outcome], step: int) -> str:
    rates = [point.sampled for run in found for point in run.curve if point.step == step]
    return _plain(estimate(rates)) if rates else ""


def _classes(runs: Runs) -> Iterator[Row]:
    for name, found in runs.items():
        if found:
            shares = (100 * float(np.mean([run.classes.get(label, 0.0) for run in found])) for label in OUTCOMES)
            yield name, *(f"{share:.1f}" for share in shares)


def draw(grid: Grid, outcomes: dict[tuple[str, int], Outcome], path: Path) -> None:
    """Draw learning curves as SVG, with a panel per arm, thin seeds, a thick mean, and the first reference in grey."""
    shown = [arm.name for arm in grid.arms if _runs(grid, outcomes, arm.name)]
    rows = max(1, -(-len(shown) // _COLUMNS))
    figure = Figure(figsize=(3.2 * _COLUMNS, 2.5 * rows), layout="constrained")
    panels = iter(figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).flat)
    for name, panel in zip(shown, panels, strict=False):
        for arm, colour in ((grid.references[0], _THERE), (name, _HERE)):
            _draw_curves(panel, _runs(grid, outcomes, arm), colour)
        panel.set_title(name, fontsize=9)
        panel.grid(visible=True, alpha=0.3)
    for panel in panels:
        panel.set_visible(False)
    figure.supxlabel(f"step (grey: {grid.references[0]})", fontsize=9)
    figure.supylabel("held-out pass@1, %", fontsize=9)
    FigureCanvasSVG(figure)
    figure.savefig(path, metadata={"Date": None})


def _draw_curves(panel: Axes, runs: list[Outcome], colour: str) -> None:
    steps = [[point.step for point in run.curve] for run in runs]
    rates = [[100 * point.sampled for point in run.curve] for run in runs]
    for across, up in zip(steps, rates, strict=True):
        panel.plot(across, up, color=colour, linewidth=0.6, alpha=0.5)
    if runs and all(across == steps[0] for across in steps):
        panel.plot(steps[0], np.mean(rates, axis=0), color=colour, linewidth=2)


def _runs(grid: Grid, outcomes: dict[tuple[str, int], Outcome], arm: str) -> list[Outcome]:
    return [outcomes[arm, seed] for seed in grid.seeds if (arm, seed) in outcomes]


def _before(runs: list[Outcome]) -> str:
    if not runs:
        return "Nothing has run yet."
    sampled = float(np.mean([run.curve[0].sampled for run in runs]))
    greedy = float(np.mean([run.curve[0].greedy for run in runs]))
    return f"Before training: pass@1 {100 * sampled:.1f}, greedy {100 * greedy:.1f}."


def _table(heads: Row, rows: Iterable[Row]) -> str:
    return "\n".join([_row(heads), "|---" * len(heads) + "|", *map(_row, rows)])


def _row(cells: Row) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _plain(value: SeedMean) -> str:
    return f"{100 * value.mean:.1f}" + (f" ± {100 * value.error:.1f}" if value.seeds > 1 else "")


def _signed(value: SeedMean) -> tuple[str, str]:
    low, high = 100 * (value.mean - value.half_width), 100 * (value.mean + value.half_width)
    return f"{100 * value.mean:+.1f}", f"{low:+.1f} to {high:+.1f}" if value.seeds > 1 else "one pair: none"
