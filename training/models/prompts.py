"""What a policy reads for a problem, what it should have written, and where the program lies in what it wrote.

What this module does not do: run the model, or judge.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine import Problem
from feedback import extract_program
from training.models import PolicyError
from training.models.families import is_encoder_decoder
from training.models.tokens import encode_continuation
from training.prompts import FORMATS, shown_asserts

if TYPE_CHECKING:
    from training.config import ModelSection
    from training.policy import Policy

_FIELDS = "{prompt}, {starter_code}, {tests} and {entry_point}"
_CHAT = (
    "{prompt}\n\n{starter_code}\n{tests}\n\n"
    "Write a Python program that solves this. Answer with one Markdown block of Python code."
)
_CUT = 0.95
"""A problem's text that is too long loses at least this share of itself at a time."""


def prompt_text(policy: Policy, problem: Problem) -> str:
    """The text a policy reads for a problem, in the configured format.

    Raises:
        PolicyError: the format is malformed, or asks for a chat template that the tokenizer does not have.
    """
    how = policy.section.prompt_format
    if how in FORMATS:
        return FORMATS[how].text(problem)
    if how == "chat" or how.startswith("chat:"):
        if not policy.tokenizer.chat_template:
            raise PolicyError(f"model.prompt_format {how!r}: the tokenizer of {policy.section.name!r} has no template")
        content = _filled(how.partition(":")[2] or _CHAT, problem)
        text: str = policy.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        return text
    return _filled(how, problem)


def encode_prompt(policy: Policy, problem: Problem) -> tuple[int, ...]:
    """Token ids of what the policy reads; `is_cut` says whether the problem's text had to be shortened for it.

    A text longer than `model.max_prompt_tokens` loses the end of the problem's own words, never what the format puts
    after them (reference/rltf.md, defect 18: a prompt without its "ANSWER:").
    """
    limit = policy.section.max_prompt_tokens
    ids = _prompt_ids(policy, problem)
    while limit and len(ids) > limit and problem.prompt:
        keep = int(len(problem.prompt) * min(_CUT, limit / len(ids)))
        problem = replace(problem, prompt=problem.prompt[:keep])
        ids = _prompt_ids(policy, problem)
    return ids


def is_cut(policy: Policy, problem: Problem) -> bool:
    """Whether a problem's text is longer than the policy may read."""
    limit = policy.section.max_prompt_tokens
    return bool(limit) and len(_prompt_ids(policy, problem)) > limit


def encode_reference(policy: Policy, reference: str) -> tuple[int, ...]:
    """Token ids of a reference solution as the policy should write it, with its end of sequence."""
    text = f"```python\n{reference.rstrip()}\n```" if policy.section.extract == "fence" else reference
    end = policy.tokenizer.eos_token_id
    if is_encoder_decoder(policy.model):  # with the special tokens such models write around their text
        ids = tuple(policy.tokenizer(text)["input_ids"])
        return ids if ids[-1] == end else (*ids, end)
    return (*encode_continuation(policy.tokenizer, policy.bytes_of, text), end)


def stop_strings(section: ModelSection) -> tuple[str, ...]:
    """What ends a completion: the configured strings, or those of a published format."""
    published = FORMATS.get(section.prompt_format)
    return section.stop or (published.stop if published else ())


def program_place(completion: bytes, section: ModelSection) -> slice:
    """Where the program lies in a completion, in bytes: before the first stop string, in its fence if there is one."""
    ends = [place for stop in stop_strings(section) if (place := completion.find(stop.encode())) >= 0]
    return extract_program(completion[: min(ends)] if ends else completion, section.extract)


def _prompt_ids(policy: Policy, problem: Problem) -> tuple[int, ...]:
    text = prompt_text(policy, problem)
    templated = policy.section.prompt_format.partition(":")[0] == "chat"  # has its special tokens in it
    ids = tuple(policy.tokenizer(text, add_special_tokens=not templated, verbose=False)["input_ids"])
    if not is_encoder_decoder(policy.model):
        while ids and ids[-1] in policy.eos_ids and not templated:  # a text that goes on has not ended
            ids = ids[:-1]
    return ids or (policy.tokenizer.eos_token_id,)


def _filled(template: str, problem: Problem) -> str:
    try:
        return template.format(
            prompt=problem.prompt,
            starter_code=problem.starter_code,
            tests=shown_asserts(problem),
            entry_point=problem.entry_point or "",
        )
    except (KeyError, IndexError, ValueError) as error:
        raise PolicyError(
            f"model.prompt_format {template!r}: {error}; allowed: {', '.join(FORMATS)}, chat, chat:TEMPLATE"
            f" or a TEMPLATE, which may use {_FIELDS}"
        ) from None
