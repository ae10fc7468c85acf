"""minicode is the embedded problem set, in both public shapes, with tiny models warm-started on it.

docs/minicode.md describes the problems, the models and their planted mistakes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from engine import Problem
from training.minicode import generate
from training.minicode.long import LONG
from training.minicode.primitives import Tier
from training.minicode.short import SHORT

__all__ = ["CHECKPOINTS", "PROMPT_FORMAT", "TIERS", "checkpoint", "problems"]

PROMPT_FORMAT = "{prompt}\n"
"""The text the model sees; its completion is the program followed by the end-of-sequence token."""

CHECKPOINTS = Path(__file__).parent / "checkpoints"
"""Where the package keeps its warm-started models."""

TIERS: dict[str, Tier] = {"short": SHORT, "long": LONG}


def problems(
    tier: Literal["short", "long"], split: Literal["train", "held_out"], count: int | None = None
) -> list[Problem]:
    """Return the first `count` problems of a split (None for all). They are the same ones at every call.

    Train and held-out problems never share a family. A family is a sequence of steps, whatever their parameters and
    wording.

    Raises:
        ValueError: the tier or split is unknown, or the count is not positive.
    """
    if tier not in TIERS:
        raise ValueError(f"minicode tier {tier!r}: allowed are {', '.join(TIERS)}")
    if split not in ("train", "held_out"):
        raise ValueError(f"minicode split {split!r}: allowed are train, held_out")
    if count is not None and count < 1:
        raise ValueError(f"minicode count {count}: allowed are positive numbers")
    default = TIERS[tier].train_count if split == "train" else TIERS[tier].held_out_count
    return generate.problems(TIERS[tier], split, default if count is None else count)


def checkpoint(tier: Literal["short", "long"]) -> Path:
    """Find the folder of a tier's warm-started model and tokenizer, in the transformers format.

    Raises:
        FileNotFoundError: it has not been built (`python -m training.minicode warm-start`).
    """
    folder = CHECKPOINTS / tier
    if not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(
            f"no checkpoint of minicode {tier!r}: python -m training.minicode warm-start --tier {tier}"
        )
    return folder
