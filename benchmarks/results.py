"""Write docs/results.md from the outcomes of examples/ablations. Run as `python -m benchmarks.results`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.tables import write_between_markers
from training.evaluation.grid import load_grid, read_outcomes, valid_outcomes
from training.evaluation.grid_tables import draw, tables

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"
GRIDS = ("long",)


def main() -> None:
    """Write every grid's tables and curves."""
    for name in GRIDS:
        grid = load_grid(ROOT / "examples" / "ablations" / f"{name}.toml")
        outcomes = valid_outcomes(grid, read_outcomes(ROOT / "docs" / "results" / name))
        draw(grid, outcomes, ROOT / "docs" / "images" / f"results-{name}.svg")
        command = f"`rltf ablate examples/ablations/{name}.toml --out docs/results/{name}`"
        count = f"{len(outcomes)} of {len(grid.arms) * len(grid.seeds)} runs."
        picture = f"![learning curves](images/results-{name}.svg)"
        write_between_markers(PAGE, name, f"{command}: {count} {tables(grid, outcomes)}\n{picture}")


if __name__ == "__main__":
    main()
