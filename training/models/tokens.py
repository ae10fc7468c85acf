"""Find a tokenizer's special ids, and encode texts so that their tokens stand for exactly their bytes.

Nothing is decoded here. `feedback.token_bytes` turns sampled ids into bytes, so no tokenizer's clean-up of spaces ever
touches a program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from training.errors import PolicyError

_BEFORE = ("", "\n", ";", "0\n")
"""Texts that come before another one, to find its tokens mid-text. SentencePiece marks the first word."""
_PROGRAM = "def f(a):\n    if a:\n        return 'x  y'\n    return a\n"


def end_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:  # noqa: ANN401
    """Return every id that ends a text, from the tokenizer and from the model's generation configuration.

    Raises:
        PolicyError: there is none.
    """
    configured = model.generation_config.eos_token_id if model.generation_config else None
    found = {tokenizer.eos_token_id, *(configured if isinstance(configured, list) else [configured])} - {None}
    if tokenizer.eos_token_id is None:
        raise PolicyError("its tokenizer has no end-of-sequence token")
    embeddings = model.get_input_embeddings().weight.shape[0]
    if tokenizer.eos_token_id >= embeddings:
        raise PolicyError(
            f"its end-of-sequence token {tokenizer.eos_token!r} has the id {tokenizer.eos_token_id}, and the model has"
            f" {embeddings} embeddings; resize them and save the model again"
        )
    return tuple(sorted(found))


def padding_id(model: Any, tokenizer: Any) -> int:  # noqa: ANN401
    """Return the id that pads rows. Masks take padding out again.

    It is the end of sequence where the tokenizer has no padding token, or one that was added to it and not to the
    model's embeddings.
    """
    pad, embeddings = tokenizer.pad_token_id, model.get_input_embeddings().weight.shape[0]
    return int(pad if pad is not None and pad < embeddings else tokenizer.eos_token_id)


def encode_continuation(
    tokenizer: Any,  # noqa: ANN401
    bytes_of: Callable[[Sequence[int]], list[bytes]],
    text: str,
) -> tuple[int, ...]:
    """Encode a text so that its ids stand for exactly this text in the middle of another one, without special tokens.

    A special token that the text spells is text like any other, so a reference that prints `</s>` teaches no end. Where
    the tokenizer alters the text itself (Unicode normal forms), its own encoding is returned.
    """
    wanted = text.encode()
    for before in _BEFORE:
        ids = plain_ids(tokenizer, before + text)
        ends = list(accumulate((len(piece) for piece in bytes_of(ids)), initial=0))
        total = ends[-1] - len(wanted)
        if total >= 0 and total in ends:
            found = ids[ends.index(total) :]
            if b"".join(bytes_of(found)) == wanted:
                return tuple(found)
    return tuple(plain_ids(tokenizer, text))


def plain_ids(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401
    """Encode a text as nothing but text."""
    if (fill := getattr(tokenizer, "fill_token", None)) and fill in text:  # Code Llama's own call cuts the text there
        backend = tokenizer.backend_tokenizer
        backend.encode_special_tokens = True
        return list(backend.encode(text, add_special_tokens=False).ids)
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"])


def begins_with_blank(tokenizer: Any, bytes_of: Callable[[Sequence[int]], list[bytes]]) -> bool:  # noqa: ANN401
    """Say whether the tokenizer puts a blank before a text that stands alone (SentencePiece, as in Llama 2)."""
    return b"".join(bytes_of(plain_ids(tokenizer, "x"))).startswith(b" ")


def check_keeps_programs(tokenizer: Any, bytes_of: Callable[[Sequence[int]], list[bytes]]) -> None:  # noqa: ANN401
    """Raise PolicyError where a tokenizer loses line breaks or indentation (the original T5's does)."""
    if b"".join(bytes_of(encode_continuation(tokenizer, bytes_of, _PROGRAM))) != _PROGRAM.encode():
        raise PolicyError("its tokenizer loses line breaks or spaces, so it cannot write Python")
