"""minicode is the embedded problem set, in both public shapes, with tiny models warm-started on it.

docs/minicode.md describes the problems, the models and their planted mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from engine import Problem
from training.minicode import generate
from training.minicode.generate import Split
from training.minicode.long import LONG
from training.minicode.primitives import Tier
from training.minicode.short import SHORT
from training.minicode.varied import UNEVEN, VARIED

__all__ = ["CHECKPOINTS", "PROMPT_FORMAT", "TIERS", "checkpoint", "problems", "stream"]

PROMPT_FORMAT = "{prompt}\n"
"""The text the model sees. Its completion is the program followed by the end-of-sequence token."""

CHECKPOINTS = Path(__file__).parent / "checkpoints"
"""Where the package keeps its warm-started models."""

TierName = Literal["short", "long", "varied", "uneven"]

TIERS: dict[str, Tier] = {"short": SHORT, "long": LONG, "varied": VARIED, "uneven": UNEVEN}


def problems(
    tier: TierName,
    split: Split,
    count: int | None = None,
    *,
    references: bool | None = None,
) -> list[Problem]:
    """Return the first `count` problems of a split (None for all). They are the same ones at every call.

    Without `references` the tier decides whether the problems have theirs: those of `varied` are hidden.

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
    shown = TIERS[tier].references if references is None else references
    return list(generate.problems(TIERS[tier], split, _size(tier, split) if count is None else count, references=shown))


def stream(tier: TierName, split: Split) -> Iterator[Problem]:
    """Yield all problems of a split as they are made, with the references that the tier shows."""
    return generate.problems(TIERS[tier], split, _size(tier, split), references=TIERS[tier].references)


def _size(tier: TierName, split: Split) -> int:
    return TIERS[tier].train_count if split == "train" else TIERS[tier].held_out_count


def checkpoint(tier: TierName) -> Path:
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
