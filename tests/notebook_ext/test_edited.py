"""Tokens of an edited program: the sample's own wherever its text still stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from notebook_ext.edited import offsets_of, offsets_of_edit
from training.models.tokenization import Tokenization


def sample(pieces, special=1):
    """A record of a program that was sampled in these pieces, with special tokens at its end."""
    ends = np.cumsum([len(piece.encode()) for piece in pieces])
    tokens = [
        {"start_byte": int(end) - len(piece.encode()), "end_byte": int(end)}
        for piece, end in zip(pieces, ends, strict=True)
    ]
    end = int(ends[-1]) if len(ends) else 0
    return {"program": "".join(pieces), "tokens": tokens + [{"start_byte": end, "end_byte": end}] * special}


def ranges(offsets):
    return [tuple(pair) for pair in offsets.tolist()]


PIECES = st.lists(st.text("ab \nü🎉", min_size=1, max_size=4), max_size=8)


@given(PIECES, st.integers(0, 2))
def test_an_unedited_program_keeps_every_token(pieces, special):
    record = sample(pieces, special)
    offsets, laid_on = offsets_of_edit(record, record["program"].encode(), None)
    if record["tokens"]:
        assert ranges(offsets) == [(token["start_byte"], token["end_byte"]) for token in record["tokens"]]
        assert laid_on == "tokens"


@given(PIECES, st.text("ab \nü🎉", max_size=20))
def test_tokens_cover_an_edited_program_in_order_once(pieces, edited):
    program = edited.encode()
    offsets, _ = offsets_of_edit(sample(pieces), program, None)
    covered = [place for start, end in ranges(offsets) for place in range(start, end)]
    assert covered == list(range(len(program)))


def test_what_stands_before_and_after_a_change_keeps_its_tokens():
    record = sample(["to", "tal", " =", " fo", "o", "\n", "end"])
    offsets, laid_on = offsets_of_edit(record, b"total = bar + 1\nend", None)
    texts = [b"total = bar + 1\nend"[start:end] for start, end in ranges(offsets)]
    assert texts == [b"to", b"tal", b" =", b" ", b"bar", b" ", b"+", b" ", b"1", b"\n", b"end", b""]
    assert laid_on == "mixed"


def test_the_changed_part_is_cut_by_the_tokenizer_where_there_is_one():
    backend = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate("abcĠ")}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    offsets, laid_on = offsets_of_edit(sample(["aa", " bb"]), b"aa cc bb", Tokenization(backend, "made"))
    assert ranges(offsets)[0] == (0, 2)
    assert ranges(offsets)[-2:] == [(5, 8), (8, 8)]
    assert laid_on == "tokens"


@pytest.mark.parametrize("record", [{}, {"program": "a", "tokens": []}, sample(["abc"]) | {"program": "a"}])
def test_a_record_without_usable_tokens_is_cut_into_words(record):
    assert ranges(offsets_of_edit(record, b"x = 1", None)[0]) == ranges(offsets_of(b"x = 1", None)[0])
