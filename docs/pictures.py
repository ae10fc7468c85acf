"""Makes the README's picture of a run from a real one: `python docs/pictures.py` (a few minutes).

What this script does not do: the screenshots of the report and the notebook (docs/screenshots.py).
"""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from training import TrainConfig
from training.loop import train
from training.run.display import Display


def main(overrides: dict[str, object]) -> None:
    """Train the embedded default and export what the terminal showed."""
    console = Console(record=True, width=104, force_terminal=False)
    display = Display(console=console)
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        path = Path("runs/minicode")
        summary = train(TrainConfig.load(overrides=overrides), path, display=display)
        display.finish(path, summary.held_out["before"], summary.held_out["after"])
    images = Path(__file__).resolve().parent / "images"
    images.mkdir(exist_ok=True)
    drawn = console.export_svg(title="make train")
    (images / "train.svg").write_text(
        re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    )  # no fonts from the network


if __name__ == "__main__":
    words = sys.argv[1:]
    main(dict(zip([word.removeprefix("--") for word in words[::2]], words[1::2], strict=True)))
