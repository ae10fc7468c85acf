"""Tokenizers: special ids, and texts whose tokens stand for exactly their bytes.

What this module does not do: decode. Sampled ids become bytes by `feedback.token_bytes`, so no tokenizer's clean-up of
spaces ever touches a program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from training.errors import PolicyError

_BEFORE = ("", "\n", ";", "0\n")
"""What a text may be encoded after, to find its tokens in the middle of a text (SentencePiece marks the first word)."""
_PROGRAM = "def f(a):\n    if a:\n        return 'x  y'\n    return a\n"


def end_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:  # noqa: ANN401
    """Every id that ends a text: the tokenizer's, and those of the model's generation configuration.

    Raises:
        PolicyError: there is none.
    """
    configured = model.generation_config.eos_token_id if model.generation_config else None
    found = {tokenizer.eos_token_id, *(configured if isinstance(configured, list) else [configured])} - {None}
    if tokenizer.eos_token_id is None:
        raise PolicyError("its tokenizer has no end-of-sequence token")
    return tuple(sorted(found))


def padding_id(tokenizer: Any) -> int:  # noqa: ANN401
    """What rows are filled up with; where a tokenizer has nothing for it, its end of sequence (masks know lengths)."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)


def encode_continuation(
    tokenizer: Any,  # noqa: ANN401
    bytes_of: Callable[[Sequence[int]], list[bytes]],
    text: str,
) -> tuple[int, ...]:
    """Token ids that stand for exactly this text in the middle of another one, without special tokens.

    Where the tokenizer alters the text itself (Unicode normal forms), its own encoding of it.
    """
    wanted = text.encode()
    for before in _BEFORE:
        ids = tokenizer(before + text, add_special_tokens=False)["input_ids"]
        ends = list(accumulate((len(piece) for piece in bytes_of(ids)), initial=0))
        total = ends[-1] - len(wanted)
        if total >= 0 and total in ends:
            found = ids[ends.index(total) :]
            if b"".join(bytes_of(found)) == wanted:
                return tuple(found)
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def check_keeps_programs(tokenizer: Any, bytes_of: Callable[[Sequence[int]], list[bytes]]) -> None:  # noqa: ANN401
    """Raise PolicyError where a tokenizer loses line breaks or indentation (the original T5's does)."""
    if b"".join(bytes_of(encode_continuation(tokenizer, bytes_of, _PROGRAM))) != _PROGRAM.encode():
        raise PolicyError("its tokenizer loses line breaks or spaces, so it cannot write Python")
