"""Tokenize a whole program with a tokenizer given by name. `rltf feedback --tokenizer` lays rewards on these tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from feedback import token_bytes, token_offsets

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class TokenizerError(ValueError):
    """A tokenizer cannot be loaded, or does not keep a program."""


class Tokenization:
    """A tokenizer and the exact bytes of its pieces."""

    def __init__(self, tokenizer: Tokenizer, name: str) -> None:
        tokenizer.no_truncation()  # a tokenizer's file may ask for both
        tokenizer.no_padding()
        self._tokenizer, self._name = tokenizer, name
        self._pieces_of: Callable[[Sequence[int]], list[bytes]] = token_bytes(tokenizer)

    @classmethod
    def load(cls, name: str) -> Tokenization:
        """Load the tokenizer of a folder, of a `tokenizer.json`, or of a model by its public name.

        Raises:
            TokenizerError: there is none, or its pieces have no exact bytes.
        """
        path = Path(name)
        file = path / "tokenizer.json" if path.is_dir() else path
        try:
            return cls(_of_file(file) if file.is_file() else _of_model(name), name)
        except Exception as error:  # `tokenizers` raises bare exceptions
            raise TokenizerError(f"--tokenizer {name}: {str(error).strip().splitlines()[0]}") from None

    @property
    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer itself."""
        return self._tokenizer

    def offsets(self, program: bytes) -> NDArray[np.int32]:
        """Return the byte range of each token of the program, int32 [T, 2].

        Raises:
            TokenizerError: encoding loses a part of the program, which is not UTF-8 or is normalised away.
        """
        try:
            ids = self._tokenizer.encode(program.decode(), add_special_tokens=False).ids
        except UnicodeDecodeError:
            raise TokenizerError("the program is not UTF-8, so it has no tokens") from None
        pieces = self._pieces_of(ids)
        if b"".join(pieces) == b" " + program:  # put before every text by some tokenizers, never written by the program
            first = next(index for index, piece in enumerate(pieces) if piece)
            pieces[first] = pieces[first].removeprefix(b" ")
        if b"".join(pieces) != program:
            raise TokenizerError(f"the tokenizer {self._name} does not keep this program's text")
        return token_offsets(pieces, slice(0, len(program)))


def _of_file(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


def _of_model(name: str) -> Tokenizer:
    from transformers import AutoTokenizer

    backend: Tokenizer = AutoTokenizer.from_pretrained(name).backend_tokenizer
    return backend
