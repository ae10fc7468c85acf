"""Token bytes and offsets, on small real tokenizers of each family, trained here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from feedback import extract_program, token_bytes, token_offsets

CORPUS = [
    "def add(a, b):\n    return a + b\n",
    "for i in range(10):\n\tprint(i, 'é', 'naïve')\n",
    "while True:\r\n    x = input()\r\n",
    "if x == 1:\n        y = [i ** 2 for i in x]\n",
] * 5


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=["<eos>"], show_progress=False),
    )
    tokenizer.add_tokens([AddedToken("        ", normalized=False)])  # CodeGen has tokens for runs of spaces
    return tokenizer


def llama_like() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    specials = ["<unk>", "<s>", "</s>"]
    byte_pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(
        [line for text in CORPUS for line in text.splitlines()],
        trainers.BpeTrainer(vocab_size=500, special_tokens=[*specials, *byte_pieces], show_progress=False),
    )
    # bytes are ordinary pieces of the model, not special tokens: rebuild it as SentencePiece conversions do
    import json

    description = json.loads(tokenizer.to_str())
    description["added_tokens"] = [entry for entry in description["added_tokens"] if entry["content"] in specials]
    return Tokenizer.from_str(json.dumps(description))


def t5_like() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    alphabet = [chr(code) for code in range(32, 127)] + ["\n", "\t", "é", "▁"]
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(
            vocab_size=200,
            unk_token="<unk>",
            special_tokens=["<pad>", "<unk>"],
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    return tokenizer


@pytest.fixture(scope="module", params=[byte_level, llama_like, t5_like], ids=["byte-level", "llama", "t5"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return request.param()


def test_pieces_of_a_whole_text_are_the_text(tokenizer: Tokenizer) -> None:
    pieces_of = token_bytes(tokenizer)
    for text in CORPUS[:2]:
        assert b"".join(pieces_of(tokenizer.encode(text).ids)) == text.encode()


@pytest.mark.parametrize("make", [byte_level, llama_like])
def test_every_unicode_text_survives_tokens_that_split_characters(make) -> None:
    tokenizer = make()
    pieces_of = token_bytes(tokenizer)

    @given(st.text(max_size=60))
    def tiles(text: str) -> None:
        pieces = pieces_of(tokenizer.encode(text, add_special_tokens=False).ids)
        assert b"".join(pieces) == text.encode()
        offsets = token_offsets(pieces, slice(0, len(text.encode())))
        assert len(offsets) == len(pieces)
        assert b"".join(text.encode()[start:end] for start, end in offsets) == text.encode()

    tiles()


def test_an_emoji_is_split_into_byte_tokens_with_exact_offsets() -> None:
    tokenizer = llama_like()
    pieces = token_bytes(tokenizer)(tokenizer.encode("x🎉").ids)
    assert pieces[-4:] == [b"\xf0", b"\x9f", b"\x8e", b"\x89"]
    assert token_offsets(pieces, slice(0, 5))[-4:].tolist() == [[1, 2], [2, 3], [3, 4], [4, 5]]


def test_special_tokens_and_padded_ids_are_no_text() -> None:
    tokenizer = byte_level()
    eos = tokenizer.token_to_id("<eos>")
    ids = [eos, *tokenizer.encode("x = 1").ids, eos, 10_000]
    pieces = token_bytes(tokenizer)(ids)
    assert pieces[0] == pieces[-1] == pieces[-2] == b""
    assert b"".join(pieces) == b"x = 1"


def test_added_tokens_for_spaces_are_their_text() -> None:
    tokenizer = byte_level()
    ids = tokenizer.encode("        y").ids
    assert b"".join(token_bytes(tokenizer)(ids)) == b"        y"


def test_ordinary_pieces_that_are_listed_as_added_tokens_are_still_decoded() -> None:
    vocabulary = {piece: token for token, piece in enumerate(["<unk>", "▁", "▁▁", "x", "<0x0A>", "=", "é"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("▁", "▁")], unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_tokens([AddedToken("▁▁", normalized=False), AddedToken("▁▁▁▁", normalized=False)])
    tokenizer.add_special_tokens(["<unk>"])
    pieces = token_bytes(tokenizer)([2, 3, 4, 7, 6, 0])
    assert pieces == [b"  ", b"x", b"\n", b"    ", "é".encode(), b""]
    assert b"".join(pieces).decode() == tokenizer.decode([2, 3, 4, 7, 6, 0])


def test_added_tokens_of_a_byte_level_tokenizer_are_text_and_not_bytes() -> None:
    tokenizer = byte_level()
    tokenizer.add_tokens([AddedToken("éx", normalized=False)])  # "é" alone is the sign for byte 0xE9
    assert token_bytes(tokenizer)([tokenizer.token_to_id("éx")]) == ["éx".encode()]


def test_first_space_is_text_after_a_prompt_and_not_in_a_whole_text() -> None:
    tokenizer = llama_like()
    ids = tokenizer.encode("return").ids
    assert b"".join(token_bytes(tokenizer)(ids)) == b"return"
    assert b"".join(token_bytes(tokenizer, continues=True)(ids)) == b" return"


def test_a_transformers_fast_tokenizer_is_read_through_its_backend() -> None:
    class Fast:
        backend_tokenizer = byte_level()

    assert token_bytes(Fast())(Fast.backend_tokenizer.encode("a b").ids) != []


def test_wordpiece_is_refused_by_name() -> None:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece()
    with pytest.raises(ValueError, match="'WordPiece' does not keep exact bytes"):
        token_bytes(tokenizer)


@given(st.lists(st.binary(max_size=4), max_size=30), st.data())
def test_offsets_tile_exactly_the_programs_slice(pieces: list[bytes], data: st.DataObject) -> None:
    text = b"".join(pieces)
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, len(text)))
    offsets = token_offsets(pieces, slice(start, stop))
    assert offsets.dtype == np.int32
    assert offsets.shape == (len(pieces), 2)
    program = text[start:stop]
    assert b"".join(program[first:last] for first, last in offsets) == program
    assert (np.diff(offsets.ravel()) >= 0).all()


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (b"x = 1", b"x = 1"),
        (b"Sure:\n```python\nx = 1\n```\nDone.", b"x = 1\n"),
        (b"```\nfirst\n```\n```py\nx\n```\n```text\nno\n```", b"x\n"),
        (b"```\nfirst\n```\nthen\n```\nlast\n```\n", b"last\n"),
        (b"```python\nx = '''\n  a ``` b\n'''\n", b"x = '''\n  a ``` b\n'''\n"),
        (b"<think>```python\nwrong\n```</think>\n\ny = 2\n", b"y = 2\n"),
        (b"<think>\nhm\n</think>\n```python\r\ny\r\n```", b"y\r\n"),
        (b"````python\n```\n````", b"```\n"),
        (b"```python\n```", b""),
        (b"~~~python\nx = '```'\n~~~\n", b"x = '```'\n"),
        (b"   ```python\n   x\n   ```\n", b"   x\n"),
        (b"```python\nx = 1\n", b"x = 1\n"),
        (b"x = 1\n\ny = 2\n", b"x = 1\n\ny = 2\n"),
        (b"[BEGIN]\nx = 1\n[DONE]\n\nYou are an expert", b"x = 1\n"),
        (b"x = 1\r\n[DONE]\r\nYou are", b"x = 1\r\n"),
        (b"[BEGIN]\n```python\nx = 1\n```\n[DONE]\n", b"x = 1\n"),
        (b"print('[DONE]')\n", b"print('[DONE]')\n"),
        (b"Sure.\n[BEGIN]\nx = 1\n", b"x = 1\n"),
    ],
)
def test_the_program_is_found_in_markdown(completion: bytes, program: bytes) -> None:
    assert completion[extract_program(completion, "fence")] == program


SOLUTION, DEMO = b"def total(xs):\n    return sum(xs)\n", b"print(total([1, 2]))\n"
METHOD = b"class Solution:\n    def total(self, xs):\n        return sum(xs)\n"


def fenced(*blocks: bytes, tag: bytes = b"python") -> bytes:
    return b"\n".join(b"Look:\n```" + tag + b"\n" + block + b"```\n" for block in blocks)


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (fenced(SOLUTION, DEMO), SOLUTION),
        (fenced(b"def total(xs):\n    return max(xs)\n", SOLUTION), SOLUTION),
        (fenced(b"def total(xs):\n    return max(xs)\n", SOLUTION, DEMO, DEMO), SOLUTION),
        (fenced(SOLUTION, tag=b"") + fenced(DEMO), SOLUTION),
        (fenced(METHOD, b"Solution().total([1])\n"), METHOD),
        (
            fenced(b"import math\nasync def total(xs):\n    pass\n", DEMO),
            b"import math\nasync def total(xs):\n    pass\n",
        ),
        (fenced(b"total = sum\n", DEMO), b"total = sum\n"),
        (fenced(SOLUTION, b"total = total([1, 2])\nassert total == 3\n"), SOLUTION),
        (fenced(b"def totals(xs):\n    pass\n", DEMO), DEMO),  # none defines it: the last
        (fenced(b"x = 1\n", b"    def total(xs):\n        pass\n"), b"    def total(xs):\n        pass\n"),
        (fenced(DEMO) + b"```python\n" + SOLUTION, SOLUTION),
        (b"<think>" + fenced(SOLUTION) + b"</think>" + fenced(DEMO), DEMO),
    ],
)
def test_the_block_that_defines_the_entry_point_is_the_program(completion: bytes, program: bytes) -> None:
    assert completion[extract_program(completion, "fence", "total")] == program


@pytest.mark.parametrize(
    "part", [b"`", b"~", b"``` ", b" ", b"\t", b"a", b"```a`", b"\n", b"```\n", b"</think>", b"[BEGIN]", b"def "]
)
def test_a_long_completion_is_read_in_linear_time(part: bytes) -> None:
    for completion in (b"```" + part * 200_000 + b"`", b"\n" + part * 200_000, b"```\n" + part * 200_000):
        found = extract_program(completion, "fence", "total")
        assert 0 <= found.start <= found.stop <= len(completion)


@pytest.mark.parametrize("program", [(0, 3), slice(None), slice(0, None), 3])
def test_a_place_without_two_bounds_is_refused(program: object) -> None:
    with pytest.raises(TypeError, match="must be a slice with two bounds, as extract_program gives, not "):
        token_offsets([b"abc"], program)  # type: ignore[arg-type]


def test_whole_completion_is_kept_as_it_is() -> None:
    completion = b"```python\nx\n```"
    assert completion[extract_program(completion, "whole")] == completion


def test_unknown_way_of_extraction_is_named() -> None:
    with pytest.raises(ValueError, match="'regex' is not one of"):
        extract_program(b"", "regex")  # type: ignore[arg-type]


MARKDOWN = st.lists(
    st.sampled_from(
        [b"```", b"~~~", b"python", b"\n", b"\r\n", b" ", b"</think>", b"[BEGIN]", b"[DONE]", b"def f(x):", b"x"]
    )
).map(b"".join)


@given(st.one_of(st.binary(max_size=200), MARKDOWN), st.sampled_from([None, "f", "\ud800", "("]))
def test_extraction_never_leaves_the_completion(completion: bytes, entry_point: str | None) -> None:
    found = extract_program(completion, "fence", entry_point)
    assert 0 <= found.start <= found.stop <= len(completion)
