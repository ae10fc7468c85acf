"""Find which bytes of the program each sampled token wrote.

This works on the exact sampled ids. Nothing is decoded and encoded again, and bytes stay bytes, because a character may
be split over several tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_FENCE = re.compile(rb"^ {0,3}+(`{3,}+|~{3,}+)[ \t]*+([^\s`]*+)[^\n`]*+$", re.MULTILINE)
_BEGIN = re.compile(rb"^[ \t]*+\[BEGIN\][ \t\r]*+(?:\n|\Z)", re.MULTILINE)
_DONE = re.compile(rb"^[ \t]*+\[DONE\]", re.MULTILINE)
_PYTHON_TAGS = {b"python", b"python3", b"py", b"py3"}


class Tokenizer(Protocol):
    """The part of `tokenizers.Tokenizer` that is used here."""

    def to_str(self) -> str: ...


def token_bytes(tokenizer: object, *, continues: bool = False) -> Callable[[Sequence[int]], list[bytes]]:
    """Make a function from sampled ids to the exact bytes of each of them.

    Special tokens, and ids without a piece (padded embeddings), are `b""`.

    Args:
        tokenizer: A Hugging Face fast tokenizer or a `tokenizers.Tokenizer`: byte-level BPE, or Metaspace
            (SentencePiece) with or without byte fallback.
        continues: Whether the ids follow a prompt (decoder-only models). If not, they are a whole text, and the
            space that SentencePiece tokenizers put before its first word is not part of it.

    Raises:
        ValueError: the tokenizer's pieces cannot be mapped to exact bytes (WordPiece and the like).
    """
    backend = cast("Tokenizer", getattr(tokenizer, "backend_tokenizer", tokenizer))
    if not hasattr(backend, "to_str"):
        raise ValueError(f"tokenizer: {type(tokenizer).__name__} is not a fast tokenizer (`tokenizers` backend)")
    description = json.loads(backend.to_str())
    decoders = _flat_decoders(description["decoder"])
    table = _byte_table(description, decoders)
    strips_space = not continues and any(_strips_first_space(decoder) for decoder in decoders)

    def pieces_of(ids: Sequence[int]) -> list[bytes]:
        pieces = [table.get(int(token), b"") for token in ids]
        if strips_space:
            first = next((index for index, piece in enumerate(pieces) if piece), None)
            if first is not None:
                pieces[first] = pieces[first].removeprefix(b" ")
        return pieces

    return pieces_of


def token_offsets(pieces: Iterable[bytes], program: slice) -> NDArray[np.int32]:
    """Compute the byte range of each token inside the program.

    Args:
        pieces: The bytes of each sampled token, in order; together they are the completion.
        program: Where the program lies in the completion, in bytes (`extract_program`).

    Returns:
        int32 [T, 2], half-open, relative to the program's start. Tokens outside the program (prose, fences,
        special tokens) have empty ranges; together the ranges tile the program's bytes.

    Raises:
        TypeError: `program` is no slice with two bounds.
    """
    if not isinstance(program, slice) or not all(isinstance(end, int) for end in (program.start, program.stop)):
        raise TypeError(f"program: must be a slice with two bounds, as extract_program gives, not {program!r}")
    ends = np.fromiter(accumulate((len(piece) for piece in pieces), initial=0), dtype=np.int64)
    places = np.clip(ends, program.start, program.stop) - program.start
    return np.stack([places[:-1], places[1:]], axis=1).astype(np.int32)


def extract_program(
    completion: bytes, how: Literal["whole", "fence"] = "whole", entry_point: str | None = None
) -> slice:
    """Find where the program lies in a completion. The time is linear in its length.

    `fence` looks behind the last `</think>`. Of the Markdown code blocks there it takes

    1. the last that defines the entry point or `class Solution`, whatever its language tag,
    2. else the last that is tagged as Python,
    3. else the last.

    A fence is three or more backticks or tildes; a block that is never closed runs to the end. Without a block it
    takes what lies between a line `[BEGIN]` and a line `[DONE]` (MBPP's few-shot format) where there is one of them,
    else everything.

    Args:
        completion: Everything that was sampled.
        how: `whole` takes all of it, `fence` a block as above.
        entry_point: The function that the tests call, if there is one.
    """
    if how == "whole":
        return slice(0, len(completion))
    if how != "fence":
        raise ValueError(f"how: {how!r} is not one of 'whole', 'fence'")
    answer = completion.rfind(b"</think>")
    answer = 0 if answer < 0 else answer + len(b"</think>")
    blocks = _fenced_blocks(completion, answer)
    python = [block for tag, block in blocks if tag in _PYTHON_TAGS]
    fallback = python or [block for _, block in blocks] or [_unfenced(completion, answer)]
    return ([block for _, block in blocks if _defines(completion[block], entry_point)] or fallback)[-1]


def _defines(block: bytes, entry_point: str | None) -> bool:
    """Say whether a block defines the entry point at its top level. A demonstration only calls it."""
    if not entry_point:
        return False
    name = re.escape(entry_point.encode(errors="replace"))
    definition = rb"^(?:(?:async[ \t]++)?def[ \t]++%b\b|class[ \t]++Solution\b|%b[ \t]*+=(?!=)(?![^\n]*\b%b\())"
    return re.search(definition.replace(b"%b", name), block, re.MULTILINE) is not None


def _unfenced(completion: bytes, start: int) -> slice:
    """Return the whole answer without blank lines after a think block, or what lies between MBPP's marks."""
    end = len(completion)
    if begin := _BEGIN.search(completion, start):
        start = begin.end()
    elif start:
        start = end - len(completion[start:].lstrip(b"\r\n"))
    done = _DONE.search(completion, start)
    return slice(start, done.start() if done else end)


def _fenced_blocks(text: bytes, start: int) -> list[tuple[bytes, slice]]:
    blocks = []
    opened: tuple[bytes, bytes, int] | None = None  # fence, tag, first byte of the block
    for match in _FENCE.finditer(text, start):
        fence, tag = match.group(1), match.group(2).lower()
        if opened is None:
            opened = fence, tag, min(match.end() + 1, len(text))
        elif fence.startswith(opened[0]) and not tag:
            blocks.append((opened[1], slice(opened[2], max(match.start(), opened[2]))))
            opened = None
    if opened is not None:
        blocks.append((opened[1], slice(opened[2], len(text))))
    return blocks


def _flat_decoders(decoder: dict[str, Any] | None) -> list[dict[str, Any]]:
    if decoder is None:
        raise ValueError("tokenizer: it has no decoder, so its pieces have no exact bytes")
    flat: list[dict[str, Any]] = decoder["decoders"] if decoder["type"] == "Sequence" else [decoder]
    for part in flat:
        if part["type"] not in _TEXT_DECODERS and part["type"] not in {"ByteLevel", "ByteFallback", "Fuse", "Strip"}:
            raise ValueError(
                f"tokenizer: decoder {part['type']!r} does not keep exact bytes; byte-level BPE and Metaspace do"
            )
    return flat


def _strips_first_space(decoder: dict[str, Any]) -> bool:
    if decoder["type"] == "Metaspace":
        return bool(decoder.get("prepend_scheme", "always") != "never")
    return bool(decoder["type"] == "Strip" and decoder["content"] == " " and decoder["start"] > 0)


_TEXT_DECODERS: dict[str, Callable[[dict[str, Any], str], str]] = {
    "Metaspace": lambda part, piece: piece.replace(part["replacement"], " "),
    "Replace": lambda part, piece: piece.replace(part["pattern"].get("String", "\0"), part["content"]),
}


def _byte_table(description: dict[str, Any], decoders: list[dict[str, Any]]) -> dict[int, bytes]:
    """Map token ids to their bytes."""
    kinds = {decoder["type"] for decoder in decoders}
    texts = [(decoder, _TEXT_DECODERS[decoder["type"]]) for decoder in decoders if decoder["type"] in _TEXT_DECODERS]

    def piece_bytes(piece: str) -> bytes:
        if "ByteFallback" in kinds and (byte := _BYTE_PIECE.fullmatch(piece)):
            return bytes([int(byte.group(1), 16)])
        if "ByteLevel" in kinds and all(character in _BYTE_OF_CHARACTER for character in piece):
            return bytes(_BYTE_OF_CHARACTER[character] for character in piece)
        for decoder, decode in texts:
            piece = decode(decoder, piece)
        return piece.encode(errors="replace")

    pieces = {token: piece for piece, token in _vocabulary(description["model"])}
    table = {token: piece_bytes(piece) for token, piece in pieces.items()}
    for added in description["added_tokens"]:
        content = added["content"]
        if added["special"]:
            table[added["id"]] = b""
        elif pieces.get(added["id"]) != content:  # an ordinary piece may be listed here too (Gemma)
            table[added["id"]] = content.encode() if "ByteLevel" in kinds else piece_bytes(content)
    return table


def _vocabulary(model: dict[str, Any]) -> Iterable[tuple[str, int]]:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        return cast("Iterable[tuple[str, int]]", vocabulary.items())
    return ((entry[0], token) for token, entry in enumerate(vocabulary))  # Unigram: [piece, score] in id order


def _byte_characters() -> dict[str, int]:
    """Return the inverse of GPT-2's map from bytes to printable characters."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + rank): byte for rank, byte in enumerate(others)}


_BYTE_OF_CHARACTER = _byte_characters()
