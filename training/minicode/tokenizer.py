"""Train the tiny models' byte-level BPE tokenizers. Decoding gives back the exact bytes, without clean-up or blanks."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, EOS = "<|pad|>", "<|eos|>"
PHRASES = r"\n *|; |, |[.] ?|[0-9]"
"""Tokens may span words up to a line end or a comma, so programs of the `short` tier are quick to sample."""
WORDS = r"\n *| ?[A-Za-z_]+| ?[0-9]| ?[^\sA-Za-z0-9_]+|\s+"
"""An ordinary code BPE in which no token spans two words, for the `long` tier."""


def train_tokenizer(texts: Iterable[str], vocabulary: int, pattern: str, longest: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer of at most `vocabulary` tokens. A line end with its indent is one piece.

    Args:
        texts: Texts to learn merges from.
        vocabulary: Number of tokens, special ones included.
        pattern: Matches stand alone, and merges never cross them.
        longest: Longest sequence the model takes, in tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        clean_up_tokenization_spaces=False,
        model_max_length=longest,
        padding_side="left",
    )
