"""Write what `benchmarks.credit` measured as Markdown tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from training.evaluation.estimates import pass_at_k


def table(rows: Sequence[dict[str, Any]], against: str) -> str:
    """Write each protocol's last evaluation, and each arm's differences from one, paired by seed and problem."""
    lines = []
    keys = sorted({(row["protocol"], row["temperature"]) for row in rows}, reverse=True)
    for protocol, temperature in keys:
        mine = [row for row in rows if (row["protocol"], row["temperature"]) == (protocol, temperature)]
        last = max(row["step"] for row in mine)
        arms: dict[str, dict[int, dict[str, Any]]] = {}
        on_the_way: dict[str, list[float]] = {}
        for row in mine:
            on_the_way.setdefault(row["arm"], []).append(_rate([row], 1))
            if row["step"] == last:
                arms.setdefault(row["arm"], {})[row["seed"]] = row
        other = arms.get(against, {})
        lines += [
            "",
            f"`{protocol}`, {last} steps, temperature {temperature}. Differences are from *{against}*, same seeds:",
            "",
            "| arm | seeds | mistakes | difference | pass@1 | difference | 95% interval | pass@k | over the run |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for arm, seeds in sorted(arms.items(), key=lambda item: _fewer_mistakes(item[1], other)):
            cells = [
                arm,
                " ".join(map(str, sorted(seeds))),
                f"{statistics.mean(row['mistakes'] for row in seeds.values()):.1%}",
                f"{100 * _fewer_mistakes(seeds, other):+.1f}" if set(seeds) & set(other) and seeds is not other else "",
                f"{_rate(list(seeds.values()), 1):.1%}",
                *_gap(seeds, other),
                f"{_rate(list(seeds.values()), 0):.1%}",
                f"{statistics.mean(on_the_way[arm]):.1%}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _fewer_mistakes(seeds: dict[int, dict[str, Any]], others: dict[int, dict[str, Any]]) -> float:
    """The mean difference in the probability of a mistake; 0 without a seed in common."""
    both = set(seeds) & set(others)
    return statistics.mean(seeds[seed]["mistakes"] - others[seed]["mistakes"] for seed in both) if both else 0.0


def _rate(rows: Sequence[dict[str, Any]], k: int) -> float:
    """Mean pass@k over rows and problems; k of 0 takes all samples."""
    passes = [each for row in rows for each in row["passes"].values()]
    return statistics.mean(pass_at_k(len(each), each.count("1"), k or len(each)) for each in passes)


def _gap(seeds: dict[int, dict[str, Any]], others: dict[int, dict[str, Any]]) -> tuple[str, str]:
    """The mean difference in pass@1 and its interval: over problems, whose differences are means over the seeds."""
    both = sorted(set(seeds) & set(others))
    if not both or seeds is others:
        return "", ""
    names = sorted(seeds[both[0]]["passes"])
    gaps = [
        statistics.mean(_share(seeds[seed]["passes"][name]) - _share(others[seed]["passes"][name]) for seed in both)
        for name in names
    ]
    error = statistics.stdev(gaps) / math.sqrt(len(gaps))
    mean = statistics.mean(gaps)
    return f"{100 * mean:+.1f}", f"{100 * (mean - 1.96 * error):+.1f} to {100 * (mean + 1.96 * error):+.1f}"


def _share(passes: str) -> float:
    return passes.count("1") / len(passes)
