"""Find the tokens of an edited program. Unchanged text keeps the sample's tokens, and changed text gets new ones.

An unedited program therefore keeps its tokens and its rewards, whatever tokenizer is at hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from feedback import token_offsets
from training.models.tokenization import Tokenization, TokenizerError

_WORDS = re.compile(rb"\n|[^\S\n]+|\w+|[^\w\s]")

LaidOn = Literal["tokens", "words", "mixed"]
"""What carries the rewards: a tokenizer's tokens, words, or the sample's own tokens with words in changed text."""


def offsets_of(program: bytes, tokenization: Tokenization | None) -> tuple[NDArray[np.int32], LaidOn]:
    """Return byte ranges of a program's tokens, int32 [T, 2], or of its words if no tokenizer keeps its text."""
    if tokenization is not None:
        try:
            return tokenization.offsets(program), "tokens"
        except TokenizerError:  # it does not keep this text, and words are better than nothing
            pass
    return token_offsets(_WORDS.findall(program), slice(0, len(program))), "words"


def offsets_of_edit(
    sampled: Mapping[str, Any], program: bytes, tokenization: Tokenization | None
) -> tuple[NDArray[np.int32], LaidOn]:
    """Return byte ranges of the tokens of an edited program, int32 [T, 2].

    Args:
        sampled: The record of the edited sample. Its tokens before and after the change are kept, with the empty ones
            of special tokens.
        program: The edited program.
        tokenization: Tokenizes changed text. None means words.
    """
    before = str(sampled.get("program", "")).encode(errors="replace")
    tokens = [(token["start_byte"], token["end_byte"]) for token in sampled.get("tokens") or ()]
    if not tokens or max(end for _, end in tokens) > len(before):  # no tokens, or those of bytes that are no text
        return offsets_of(program, tokenization)
    same = _common(before, program)
    first = [token for token in tokens if token[1] <= same and (token[1] < len(before) or token[0] < token[1])]
    start = max((end for _, end in first), default=0)
    rest = _common(before[start:][::-1], program[start:][::-1])
    last = [token for token in tokens[len(first) :] if token[0] >= len(before) - rest]
    moved = len(program) - len(before)
    stop = min((begin + moved for begin, _ in last), default=len(program))
    if start >= stop and len(first) + len(last) == len(tokens):
        changed: NDArray[np.int32] = np.empty((0, 2), np.int32)
        laid_on: LaidOn = "tokens"
    else:
        changed, laid_on = offsets_of(program[start:stop], tokenization)
    kept = np.array([*first, *((begin + moved, end + moved) for begin, end in last)], np.int32).reshape(-1, 2)
    whole = np.concatenate([kept[: len(first)], changed + np.int32(start), kept[len(first) :]]).astype(np.int32)
    return whole, "mixed" if laid_on == "words" and len(kept) else laid_on


def _common(left: bytes, right: bytes) -> int:
    """Count the bytes that two texts share at their beginning."""
    shorter = min(len(left), len(right))
    differing = np.flatnonzero(np.frombuffer(left[:shorter], np.uint8) != np.frombuffer(right[:shorter], np.uint8))
    return int(differing[0]) if len(differing) else shorter
