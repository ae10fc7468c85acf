"""What every stage gets: a folder for tables and logs, the device, and whether this is the rehearsal."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a stage writes, and how large its shapes are.

    Args:
        folder: Folder of all tables and logs.
        stage: Name of the stage, and of its two files.
        rehearse: Whether shapes are tiny, to see on a CPU that everything runs.
    """

    folder: Path
    stage: str
    rehearse: bool
    device: str = field(default_factory=lambda: "cuda" if torch.cuda.is_available() else "cpu")
    broken: list[str] = field(default_factory=list)
    """What did not hold so far, a line each."""

    @property
    def page(self) -> Path:
        """Return the file of the stage's tables."""
        return self.folder / f"{self.stage}.md"

    def write(self, text: str) -> None:
        """Append to the stage's tables, and print."""
        print(text, flush=True)
        with self.page.open("a", encoding="utf-8") as page:
            page.write(text + "\n")

    def log(self, text: str) -> None:
        """Append a line with its time to the stage's log."""
        with (self.folder / f"{self.stage}.log").open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")

    def table(self, *columns: str) -> None:
        """Begin a table."""
        self.write(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")

    def row(self, cells: Sequence[object], holds: bool | None = None) -> None:
        """Add a row; with `holds` a last cell says whether its bound holds, and what does not is kept."""
        shown = [f"{each:.4g}" if isinstance(each, float) else str(each) for each in cells]
        if holds is not None:
            shown.append("holds" if holds else "**DOES NOT HOLD**")
        if holds is False:
            self.broken.append(f"{self.stage}: {', '.join(shown)}")
        self.write(f"| {' | '.join(shown)} |")
        self.log(" ".join(shown))

    def row_of_gpu(self, cells: Sequence[object], holds: bool) -> None:
        """Add a row whose bound only a GPU can hold. A rehearsal says nothing of it."""
        if self.rehearse:
            self.row([*cells, "not asked of a rehearsal"])
        else:
            self.row(cells, holds)

    def head(self, title: str) -> None:
        """Begin the stage's page with what it was measured on."""
        name = torch.cuda.get_device_name() if self.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
        small = " Rehearsal with tiny shapes: no figure here means anything." if self.rehearse else ""
        versions = f"torch {torch.__version__}, Python {platform.python_version()}"
        self.write(f"## {title}\n\n{datetime.now(UTC):%Y-%m-%d}, {name}, {versions}.{small}")

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """Write a failure of one part into the table, and go on with the next."""
        try:
            yield
        except Exception as error:  # a part of a stage must not cost the others their time on the machine
            self.row([what, f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"], holds=False)
        finally:
            if self.device == "cuda":
                torch.cuda.empty_cache()


def seconds(device: str) -> float:
    """Return the time, once the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
