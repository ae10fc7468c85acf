"""Show a training run in the terminal with rich. Model text is always escaped.

Where the output is not a terminal, a line for every tenth step replaces the moving display.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from training.config import TrainConfig
from training.records import PassRate
from training.run.rendering import render_record
from training.run.store import SampleRow

_COLOURS = {
    "passed": "green",
    "failed": "yellow",
    "runtime": "red",
    "syntax": "magenta",
    "timeout": "blue",
    "other": "cyan",
    "infra": "white",
}
_PLAIN_EVERY = 10
_SHOWN_SAMPLES = 2


class Display:
    """Progress of one run. A context manager around its loop."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(quiet=quiet)
        self._progress = progress_of("step", self.console)
        self._task = self._progress.add_task("train")
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)
        self._held_out: list[tuple[int, float, float]] = []
        self._newest: Sequence[SampleRow] = ()

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def begin(self, config: TrainConfig, path: Path, step: int, isolation: object) -> None:
        """Say what is about to happen."""
        self.console.print(
            f"rltf train: {config.model.name} on {config.data.train}, seed {config.run.seed}, run {path}",
            style="bold",
            highlight=False,
            markup=False,
            soft_wrap=True,  # here and below: a path that is cut cannot be copied
        )
        self.console.print(f"sandbox isolation {isolation}", style="dim", highlight=False, markup=False)
        self._progress.update(self._task, total=config.training.steps, completed=step)

    def message(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)

    def evaluation(self, step: int, sampled: PassRate, greedy: PassRate) -> None:
        """Show held-out pass rates and, once there are any, the newest samples with their error spans."""
        self._held_out.append((step, sampled.pass_at_1, greedy.pass_at_1))
        self._show_samples()
        mix = _mix(sampled.classes)
        self.console.print(
            Text.assemble(
                (f"held-out, step {step}: ", "bold"),
                f"pass@1 {sampled.pass_at_1:.1%}  greedy {greedy.pass_at_1:.1%}  ",
                (f"({sampled.problems} problems x {sampled.samples_per_problem})  ", "dim"),
                mix,
            )
        )
        if sampled.infra + greedy.infra:
            self.message(f"{sampled.infra + greedy.infra} samples could not be judged (infra) and do not count")

    def step(self, step: int, metrics: dict[str, float], rows: Sequence[SampleRow]) -> None:
        """Show one step's figures."""
        self._newest = rows
        self._progress.update(self._task, completed=step)
        shares = {
            name.removeprefix("outcome/"): value for name, value in metrics.items() if name.startswith("outcome/")
        }
        if shares:
            line = Text.assemble(
                ("reward ", "dim"),
                f"{metrics['reward/mean']:+.3f}  ",
                ("pass rate ", "dim"),
                f"{metrics['pass_rate']:.1%}  ",
                _mix(shares),
                ("  samples/s ", "dim"),
                f"{metrics.get('samples_per_second', 0):.0f}",
            )
            for name, label in (("completions/cut_share", "cut off"), ("groups/without_signal", "without signal")):
                if share := metrics.get(name, 0.0):
                    line.append(f"  {label} ", "dim").append(f"{share:.0%}")
        else:  # nothing was sampled in this step: sft, or offline
            line = Text(f"loss: supervised {metrics['loss/supervised']:.3f}", style="dim")
            if metrics["loss/reinforced"]:
                line.append(f", reinforced {metrics['loss/reinforced']:.3f}")
        if self.console.is_terminal:
            held = self._held_out[-1] if self._held_out else None
            last = Text(f"held-out pass@1 {held[1]:.1%} at step {held[0]}", style="dim") if held else Text()
            self._live.update(Group(self._progress, line, last))
        elif step % _PLAIN_EVERY == 0:
            self.console.print(Text.assemble(f"step {step:>4}  ", line))

    def finish(self, path: Path, before: dict[str, float], after: dict[str, float]) -> None:
        """Show the rates before and after, and where the results are."""
        table = Table(title="held-out problems, never trained on", title_style="bold", show_edge=False)
        for column in ("", "before", "after", "change"):
            table.add_column(column, justify="left" if not column else "right")
        for name, label in (("pass@1", "pass@1, sampled at temperature 1"), ("greedy", "pass@1, greedy")):
            change = 100 * (after[name] - before[name])
            table.add_row(label, f"{before[name]:.1%}", f"{after[name]:.1%}", f"{change:+.1f} points")
        self.console.print(Panel(table, expand=False))
        self.console.print(
            f"report  {path / 'report.html'}\nsummary {path / 'summary.json'}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def _show_samples(self) -> None:
        wrong = [row for row in self._newest if row.verdict in ("error", "failed") and row.record["diagnostics"]]
        by_error = {row.error_type: row for row in wrong}  # different ones say more
        for row in list(by_error.values())[:_SHOWN_SAMPLES]:
            self.console.print(render_record(dict(row.record)))


def progress_of(what: str, console: Console, *, disable: bool = False) -> Progress:
    """Make a bar that says how many of `what` are done, and for how long it will go on."""
    bar = BarColumn(bar_width=None)
    columns = (TextColumn(what), MofNCompleteColumn(), bar, TimeElapsedColumn(), TextColumn("left"))
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=disable)


def _mix(shares: dict[str, float]) -> Text:
    """Write outcome classes with their shares, by name and colour."""
    parts = [(f"{name} {shares[name]:.0%} ", colour) for name, colour in _COLOURS.items() if shares.get(name)]
    return Text.assemble(*parts)
