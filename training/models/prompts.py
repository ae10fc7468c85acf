"""Encode what a policy reads and what it is taught, in its own format and with its own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine import Problem
from training.errors import PolicyError
from training.models.families import is_encoder_decoder
from training.models.spelled import encode_marked, set_apart
from training.models.tokens import encode_continuation

if TYPE_CHECKING:
    from training.models.policy import Policy

_CUT = 0.95
"""A text that is too long keeps at most this share of itself at each cut."""


def prompt_text(policy: Policy, problem: Problem) -> str:
    """Write the text that a policy reads for a problem, chat template included.

    Raises:
        PolicyError: the format is malformed, or asks for a chat template that the tokenizer does not have or that
            fails.
    """
    how = policy.format
    text = how.text(problem)
    if not how.is_chat:
        return text
    if not policy.tokenizer.chat_template:
        raise PolicyError(
            f"model.prompt_format {how.prompt!r}: the tokenizer of {policy.section.name!r} has no template"
        )
    message = [{"role": "user", "content": text}]
    try:
        templated: str = policy.tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
    except Exception as error:  # a template is a program, and may raise anything
        raise PolicyError(
            f"model.prompt_format {how.prompt!r}: the chat template of {policy.section.name!r} fails on a user's"
            f" message: {' '.join(str(error).split())[:200]}"
        ) from None
    return templated


def encode_prompt(policy: Policy, problem: Problem) -> tuple[int, ...]:
    """Encode what the policy reads. `is_cut` says whether the problem's text had to be shortened for it.

    A text longer than `model.max_prompt_tokens` loses some of the problem's own words (`ProgramFormat.shortened`) and
    never what the format puts around them.
    """
    limit = policy.section.max_prompt_tokens
    ids = _prompt_ids(policy, problem)
    while limit and len(ids) > limit and problem.prompt:
        problem = policy.format.shortened(problem, min(_CUT, limit / len(ids)))
        ids = _prompt_ids(policy, problem)
    return ids


def is_cut(policy: Policy, problem: Problem) -> bool:
    """Say whether a problem's text is longer than the policy may read."""
    limit = policy.section.max_prompt_tokens
    return bool(limit) and len(_prompt_ids(policy, problem)) > limit


def encode_completion(policy: Policy, text: str) -> tuple[int, ...]:
    """Encode a completion as the policy should write it, with its end of sequence (`ProgramFormat.taught`)."""
    end = policy.tokenizer.eos_token_id
    if is_encoder_decoder(policy.model):  # with the special tokens such models write around their text
        ids = tuple(policy.tokenizer(text, split_special_tokens=True, verbose=False)["input_ids"])
        return ids if ids[-1] == end else (*ids, end)
    return (*encode_continuation(policy.tokenizer, policy.bytes_of, text), end)


def program_of(policy: Policy, token_ids: Sequence[int], problem: Problem) -> bytes:
    """Read the program that a completion gives as an answer to a problem."""
    return policy.format.completion.program(b"".join(policy.bytes_of(token_ids)), problem).text


def _prompt_ids(policy: Policy, problem: Problem) -> tuple[int, ...]:
    marked, spelled = set_apart(problem, policy.tokenizer)
    text = prompt_text(policy, marked)
    templated = policy.format.is_chat  # has its special tokens in it
    if spelled:
        ids = encode_marked(policy, text, spelled, add_special=not templated)
    else:
        ids = tuple(policy.tokenizer(text, add_special_tokens=not templated, verbose=False)["input_ids"])
    if not is_encoder_decoder(policy.model):
        while ids and ids[-1] in policy.eos_ids and not templated:  # a text that goes on has not ended
            ids = ids[:-1]
    return ids or (policy.tokenizer.eos_token_id,)
