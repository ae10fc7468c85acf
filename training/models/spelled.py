"""Special tokens that a problem spells in its own words: they are text to the model and end no turn.

A prompt format may hold special tokens, as a chat template does. The words of a problem may not: a problem about HTML
or about tokenizers says `</s>` and means five characters.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from engine import AssertTest, Problem
from training.models.tokens import encode_continuation, plain_ids

_MARK = "\ue000{}\ue001"
"""Stands for the token of that number while the format is filled in. Private-use characters are in no problem."""
_MARKS = re.compile("\ue000(\\d+)\ue001")


def set_apart(problem: Problem, tokenizer: Any) -> tuple[Problem, list[str]]:  # noqa: ANN401
    """Put marks where a problem's words spell special tokens.

    Returns:
        The problem with marks, and what each of them stands for; the problem itself and nothing where there are none.
    """
    special = _pattern(tokenizer)
    spelled: list[str] = []

    def mark(match: re.Match[str]) -> str:
        spelled.append(match[0])
        return _MARK.format(len(spelled) - 1)

    def marked(text: str) -> str:
        return special.sub(mark, text) if special else text

    tests = tuple(
        AssertTest(marked(test.source)) if isinstance(test, AssertTest) else test for test in problem.public_tests
    )
    found = replace(
        problem, prompt=marked(problem.prompt), starter_code=marked(problem.starter_code), public_tests=tests
    )
    return (found, spelled) if spelled else (problem, [])


def encode_marked(policy: Any, text: str, spelled: list[str], *, add_special: bool) -> tuple[int, ...]:  # noqa: ANN401
    """Encode a text with marks: what they stand for is text, and special tokens elsewhere are what they are.

    Args:
        policy: Its tokenizer and the bytes of its tokens.
        text: A filled-in format.
        spelled: What the marks stand for.
        add_special: Whether the tokenizer puts its own special tokens around the text.
    """
    tokenizer = policy.tokenizer
    special = _pattern(tokenizer)
    plain = ""
    ids: list[int] = []

    def flush() -> None:
        nonlocal plain
        if plain and ids:
            ids.extend(encode_continuation(tokenizer, policy.bytes_of, plain))
        elif plain:
            ids.extend(plain_ids(tokenizer, plain))
        plain = ""

    for index, part in enumerate(_MARKS.split(text)):
        if index % 2:
            plain += spelled[int(part)]
            continue
        start = 0
        for match in special.finditer(part) if special else ():
            plain += part[start : match.start()]
            flush()
            ids.append(tokenizer.convert_tokens_to_ids(match[0]))
            start = match.end()
        plain += part[start:]
    flush()
    if not add_special:
        return tuple(ids)
    before, after = _around(tokenizer)
    return (*before, *ids, *after)


def _around(tokenizer: Any) -> tuple[list[int], list[int]]:  # noqa: ANN401
    """Find the special tokens that a tokenizer puts before and after a text."""
    inner, whole = plain_ids(tokenizer, "x"), list(tokenizer("x")["input_ids"])
    start = next(index for index in range(len(whole)) if whole[index : index + len(inner)] == inner)
    return whole[:start], whole[start + len(inner) :]


def _pattern(tokenizer: Any) -> re.Pattern[str] | None:  # noqa: ANN401
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    names = sorted({*added, *tokenizer.all_special_tokens}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, names))) if names else None
