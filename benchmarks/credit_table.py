"""Write what `benchmarks.credit` measured as Markdown tables and a plot of learning curves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from training.evaluation.estimates import pass_at_k
from training.evaluation.grid_tables import estimate

FIRST_SHOWN = 10
"""Seeds from here on chose nothing. Their runs have tables of their own."""
TIER, STEPS, PORTION, RATE, TEMPERATURE = "uneven", 32, 8, 5e-4, 0.6
"""The comparison of docs/results.md, decided before a seed of it ran. It compares the mean pass@1 over the run, the
last pass@1, pass@8, and the judged samples until the best baseline's last pass@1, at this temperature. An earlier one,
of *peers* with 16 steps of 16 problems, keeps its table. Seeds 1 and 2 then chose *branch + contrast* and this size of
a step. Decided: seeds 20 to 24 of these two arms, of *contrast* alone and of the baselines, each at the better one of
two learning rates, 5e-4 and 1e-3 (seed 1). An arm's name has its rate where that is not RATE."""
_OLDEST_PORTION = 16
"""Problems of a step in rows that do not say it."""
BASELINES = ("leave one out", "raft at 0.001", "grpo")
"""RLOO with a clipped ratio and reuse (after Ahmadian et al. 2024), RAFT (Dong et al. 2023) and GRPO (Shao et al. 2024)
at its authors' settings. The best one has the highest last pass@1."""
BLAME = ("branch + contrast", "contrast")
"""What is shown."""
WITHOUT = ("positive at 0.001", "positive")
"""The same with blame switched off. The first one that a setting has is compared with."""
SAME_RATE = (("branch + contrast", "positive"), ("branch + contrast at 0.001", "positive at 0.001"))
"""Blame's own part, with nothing else changed. The second pair was added when the decided runs had been seen."""
_Key = tuple[str, str, int, int, float, bool]
"""Tier, protocol, steps of the run, problems of a step, temperature, and whether the seeds chose nothing."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm's run with one seed, evaluated on the way."""

    judged: tuple[int, ...]
    """Samples judged until each evaluation."""
    passes: tuple[Mapping[str, str], ...]
    """Of each evaluation: a held-out problem -> a 1 or a 0 for each sample."""
    mistakes: float
    """Mean probability of a planted mistake after the last step."""

    def rates(self, k: int) -> list[float]:
        """Estimate pass@k at each evaluation; k of 0 takes all samples."""
        return [
            statistics.mean(pass_at_k(len(each), each.count("1"), k or len(each)) for each in found.values())
            for found in self.passes
        ]

    @property
    def whole(self) -> float:
        """Mean pass@1 over the evaluations of the run."""
        return statistics.mean(self.rates(1))


Runs = dict[str, dict[int, Curve]]
"""Arm -> seed -> its run."""


def settings(rows: Sequence[dict[str, Any]]) -> dict[_Key, Runs]:
    """Put the rows of each setting together, the runs with seeds that chose nothing first."""
    found: dict[_Key, dict[str, dict[int, list[dict[str, Any]]]]] = {}
    for row in rows:
        chose_nothing = row["seed"] >= FIRST_SHOWN
        portion = row.get("portion", _OLDEST_PORTION)
        key = (row["tier"], row["protocol"], row["steps"], portion, row["temperature"], chose_nothing)
        arm = row["arm"] if row["rate"] == RATE else f"{row['arm']} at {row['rate']:g}"
        found.setdefault(key, {}).setdefault(arm, {}).setdefault(row["seed"], []).append(row)
    return {
        key: {arm: {seed: _curve(of) for seed, of in sorted(seeds.items())} for arm, seeds in arms.items()}
        for key, arms in sorted(found.items(), key=lambda item: (not item[0][-1], item[0]))
    }


def _curve(rows: Sequence[dict[str, Any]]) -> Curve:
    rows = sorted(rows, key=lambda row: row["step"])
    return Curve(tuple(r["judged"] for r in rows), tuple(r["passes"] for r in rows), rows[-1]["mistakes"])


def table(rows: Sequence[dict[str, Any]], against: str) -> str:
    """Write each setting's last evaluation, and each arm's differences from one, paired by seed and problem."""
    return "\n\n".join(_setting(key, runs, against) for key, runs in settings(rows).items())


def _setting(key: _Key, runs: Runs, against: str) -> str:
    tier, protocol, steps, portion, temperature, shown = key
    length = f"{steps} steps of {portion} problems"
    about = f"`{tier}`, `{protocol}`, {length}, temperature {temperature}"
    chosen = "Seeds that chose nothing." if shown else "Seeds that choose."
    heads = ["arm", "seeds", "mistakes", "pass@1", "difference", "95% over problems"]
    if several := any(len(run.judged) > 1 for seeds in runs.values() for run in seeds.values()):
        heads += ["over the run", "difference", "95% over seeds"]
    samples = max(len(each) for seeds in runs.values() for run in seeds.values() for each in run.passes[-1].values())
    heads += [f"pass@{samples}", "difference"]
    lines = [
        f"{about}. {chosen} Differences are from *{against}*, same seeds:",
        "",
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
    ]
    others = runs.get(against, {})
    for arm, seeds in sorted(runs.items(), key=lambda item: -_mean(item[1], lambda run: run.rates(1)[-1])):
        both = [(seeds[seed], others[seed]) for seed in seeds if seed in others and arm != against]
        cells = [
            arm,
            " ".join(map(str, seeds)),
            f"{_mean(seeds, lambda run: run.mistakes):.1%}",
            f"{_mean(seeds, lambda run: run.rates(1)[-1]):.1%}",
            *over_problems(both),
        ]
        if several:
            alike = [a.whole - b.whole for a, b in both if a.judged == b.judged]
            cells += [f"{_mean(seeds, lambda run: run.whole):.1%}", *over_seeds(alike)]
        cells += [f"{_mean(seeds, lambda run: run.rates(0)[-1]):.1%}"]
        cells += [over_seeds([a.rates(0)[-1] - b.rates(0)[-1] for a, b in both])[0]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(seeds: Mapping[int, Curve], of: Callable[[Curve], float]) -> float:
    return statistics.mean(map(of, seeds.values()))


def over_problems(pairs: Sequence[tuple[Curve, Curve]]) -> tuple[str, str]:
    """Write the mean difference in the last pass@1, and its interval over problems, with seeds averaged."""
    if not pairs:
        return "", ""
    gaps = [
        statistics.mean(_share(one.passes[-1][name]) - _share(other.passes[-1][name]) for one, other in pairs)
        for name in pairs[0][0].passes[-1]
    ]
    mean, error = statistics.mean(gaps), statistics.stdev(gaps) / math.sqrt(len(gaps))
    return _signed(mean), f"{_signed(mean - 1.96 * error)} to {_signed(mean + 1.96 * error)}"


def over_seeds(gaps: Sequence[float]) -> tuple[str, str]:
    """Write the mean of a difference by seed, and Student's interval over seeds."""
    if not gaps:
        return "", ""
    found = estimate(gaps)
    low, high = found.mean - found.half_width, found.mean + found.half_width
    return _signed(found.mean), f"{_signed(low)} to {_signed(high)}" if found.seeds > 1 else "one seed"


def _share(passes: str) -> float:
    return passes.count("1") / len(passes)


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"


def samples_to_reach(runs: Mapping[int, Curve], rate: float) -> float | None:
    """Give the judged samples after which the mean curve of some seeds first has a pass@1, linear in between.

    Returns None where it never has. The curve begins at its first evaluation.
    """
    judged = next(iter(runs.values())).judged
    curve = np.mean([run.rates(1) for run in runs.values()], axis=0)
    for place in range(len(curve)):
        if curve[place] >= rate:
            if place == 0:
                return float(judged[0])
            share = (rate - curve[place - 1]) / (curve[place] - curve[place - 1])
            return float(judged[place - 1] + share * (judged[place] - judged[place - 1]))
    return None


def efficiency(runs: Runs, baselines: Sequence[str], arms: Sequence[str]) -> Iterator[str]:
    """Write how many judged samples each arm needs to reach the best baseline's last pass@1, on the seeds of both."""
    last = {arm: _mean(runs[arm], lambda run: run.rates(1)[-1]) for arm in baselines if arm in runs}
    best = max(last, key=lambda arm: last[arm])
    total = next(iter(runs[best].values())).judged[-1]
    yield f"The best baseline is *{best}*, with {last[best]:.1%} after {total:,} judged samples."
    for arm in arms:
        own = {seed: run for seed, run in runs.get(arm, {}).items() if seed in runs[best]}
        if not own:
            continue
        needed = samples_to_reach(own, statistics.mean(runs[best][seed].rates(1)[-1] for seed in own))
        share = "does not get there" if needed is None else f"needs {needed:,.0f}, {needed / total:.0%} of them"
        yield f"*{arm}* {share} (seeds {' '.join(map(str, own))})."


def own_part(runs: Runs, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Write how far an arm is above another over the run, on the seeds of both."""
    for arm, other in pairs:
        seeds = [seed for seed in runs.get(arm, {}) if seed in runs.get(other, {})]
        mean, interval = over_seeds([runs[arm][seed].whole - runs[other][seed].whole for seed in seeds])
        if seeds:
            yield f"Over the run *{arm}* is {mean} from *{other}* ({interval}; seeds {' '.join(map(str, seeds))})."


def comparison(rows: Sequence[dict[str, Any]], picture: Path) -> str:
    """Write the comparison, and draw it."""
    found = settings(rows)
    runs = found.get((TIER, "online", STEPS, PORTION, TEMPERATURE, True))
    if runs is None:
        return "Nothing has run yet."
    draw(runs, picture)
    shown = [(key, of) for key, of in found.items() if key[-1] and key[0] == TIER]
    shown.sort(key=lambda item: item[0][2] != STEPS)  # the decided one, then earlier ones
    parts = [_setting(key, of, next(arm for arm in WITHOUT if arm in of)) for key, of in shown]
    needed = " ".join(efficiency(runs, BASELINES, (*BLAME, *WITHOUT)))
    return "\n\n".join(
        [*parts, needed, " ".join(own_part(runs, SAME_RATE)), f"![learning curves](images/{picture.name})"]
    )


def draw(runs: Runs, path: Path) -> None:
    """Draw the learning curves as SVG: pass@1 over judged samples, a thick mean of each arm and thin seeds."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    panel = figure.subplots()
    for number, (arm, seeds) in enumerate(sorted(runs.items(), key=lambda item: -_mean(item[1], lambda r: r.whole))):
        for run in seeds.values():
            panel.plot(run.judged, 100 * np.array(run.rates(1)), color=f"C{number}", linewidth=0.5, alpha=0.4)
        judged = next(iter(seeds.values())).judged
        mean = 100 * np.mean([run.rates(1) for run in seeds.values()], axis=0)
        panel.plot(judged, mean, color=f"C{number}", linewidth=2, label=arm)
    panel.set_xlabel("judged samples")
    panel.set_ylabel("held-out pass@1, %")
    panel.grid(visible=True, alpha=0.3)
    panel.legend(fontsize=8)
    FigureCanvasSVG(figure)
    with rc_context({"svg.hashsalt": path.name}):  # the same picture has the same bytes
        figure.savefig(path, metadata={"Date": None})
