"""How long a prompt may be: the model's positions, the configured limit, and the memory of the device.

All of it is known before the first sample is drawn. A model with 128 learned positions fails at the 129th, and one with
a rotary embedding writes worse beyond what it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engine import Problem
from training.errors import DataError, PolicyError
from training.models.families import is_encoder_decoder, network
from training.models.prompts import encode_completion, encode_prompt, is_cut

if TYPE_CHECKING:
    from training.models.policy import Policy

_FLOAT = 4
_MASK = 5
"""Bytes of an attention mask for a pair of tokens, where no scores are kept: a bool and a float."""
_PADDED = 2
"""Times as long as the shortest prompt of a batch its longest one may be."""
_SHOWN = 3


def positions(model: Any) -> int | None:  # noqa: ANN401
    """Find how many tokens a model can read and write. None where its configuration bounds nothing (T5, ALiBi)."""
    config = network(model).config
    found = getattr(config, "max_position_embeddings", None) or getattr(config, "max_seq_len", None)
    return int(found) if found else None


def limited(policy: Policy, longest: int) -> Policy:
    """Bound a policy's prompts so that a completion of `longest` tokens has room after each of them.

    Raises:
        PolicyError: there is no room for such a completion.
    """
    limit, section = positions(policy.model), policy.section
    if limit is None:
        return policy
    room = limit if is_encoder_decoder(policy.model) else limit - longest
    if _goes_on(policy.model):
        room = max(room, limit // 2)
    elif longest > limit or room < 1:
        raise PolicyError(
            f"model {section.name!r}: has {limit} positions, and a completion may have {longest} tokens: give a smaller"
            " max_new_tokens"
        )
    tokens = min(room, section.max_prompt_tokens or room)
    return replace(policy, section=section.model_copy(update={"max_prompt_tokens": tokens}))


def _goes_on(model: Any) -> bool:  # noqa: ANN401
    """Say whether a model works beyond its positions, if worse, as one with a computed rotary embedding does."""
    return any(name.endswith("rotary_emb") for name, _ in network(model).named_modules())


def has_room(policy: Policy, problem: Problem, completion: str) -> bool:
    """Say whether the model has positions for a completion after its problem's prompt."""
    limit = positions(policy.model)
    if limit is None or len((problem.prompt + completion).encode()) < limit // 2:  # a token has a byte at least
        return True
    before = 0 if is_encoder_decoder(policy.model) else len(encode_prompt(policy, problem))
    return before + len(encode_completion(policy, completion)) <= limit


def fitting(
    policy: Policy,
    problems: Sequence[Problem],
    data: str,
    tell: Callable[[str], None],
    *,
    rows: int = 0,
    samples: Sequence[int] = (1,),
) -> list[Problem]:
    """Choose the problems whose prompts fit. `tell` is given a line for those that are cut, and for those left out.

    Args:
        policy: Whose `max_prompt_tokens` bounds them (`limited`).
        problems: All of a set's.
        data: What the set is called.
        tell: Shows a line.
        rows: Completions that this process generates together, 0 where servers do.
        samples: Completions of a problem, for each way in which the set is sampled.

    Raises:
        DataError: none of them fits, or all prompts are the same although the problems are not.
        PolicyError: the batch with the longest prompt needs more memory than there is.
    """
    limit, leave_out = policy.section.max_prompt_tokens, policy.section.long_prompts == "leave_out"
    fit: list[Problem] = []
    long: list[Problem] = []
    hopeless: list[Problem] = []
    lengths: list[int] = []
    prompts: set[tuple[int, ...]] = set()
    for problem in problems:
        prompt = encode_prompt(policy, problem)
        tokens = len(prompt)
        if limit and tokens > limit:
            hopeless.append(problem)
            continue
        if limit and is_cut(policy, problem):
            long.append(problem)
            if leave_out:
                continue
        fit.append(problem)
        lengths.append(tokens)
        if len(prompts) <= 1:  # whether there are two is all that matters
            prompts.add(prompt)
    if len(prompts) == 1 and len({problem.prompt for problem in fit}) > 1:
        raise DataError(
            f"{data}: the prompts of all {len(fit)} problems are the same {lengths[0]} tokens, so they say nothing of"
            f" the problem; model.prompt_format {policy.section.prompt_format!r} must show it, as '{{prompt}}' does, a"
            f" chat template too, and model.max_prompt_tokens (here {limit or 'none'}) must leave something of it"
        )
    if long:
        what = "left out" if leave_out else "cut at their end (model.long_prompts)"
        tell(f"{data}: {len(long)} prompts are longer than {limit} tokens and are {what}: {_names(long)}")
    if hopeless:
        what = f"{len(hopeless)} prompts longer than {limit} tokens however they are cut"
        tell(f"{data}: left out: {what}: {_names(hopeless)}")
    if not fit and problems:
        raise DataError(f"{data}: no prompt fits into {limit} tokens; allowed are models with more positions")
    if fit:
        longest = max(lengths)
        padded = sum(not apart(tokens, longest) for tokens in lengths)
        where = f"{data}: problem {fit[lengths.index(longest)].id!r}"
        for count in samples:
            completions = min(padded * count, max(rows, count)) if rows else 1
            _check_memory(policy, longest, min(padded, max(1, rows // count)), completions, where)
    return fit


def apart(shorter: int, longer: int) -> bool:
    """Say whether two prompts are too different in length to be read together, as one would be mostly padding."""
    return longer > _PADDED * shorter


def _names(problems: Sequence[Problem]) -> str:
    names = [problem.id for problem in problems[:_SHOWN]]
    return ", ".join(names) + (", ..." if len(problems) > _SHOWN else "")


def _check_memory(policy: Policy, tokens: int, prompts: int, rows: int, where: str) -> None:
    needed, free = _bytes_of(policy.model, tokens, prompts, rows), _free_bytes(policy.device)
    if free is not None and needed > free:
        batch = f" with the batch of {prompts} prompts and {rows} completions that it is in" if rows > 1 else ""
        smaller = " or a smaller batch" if rows > 1 else ""
        raise PolicyError(
            f"{where}: reading its {tokens} tokens{batch} takes about {needed / 2**30:.1f} GiB of memory, and"
            f" {free / 2**30:.1f} GiB are free; give model.max_prompt_tokens{smaller}"
        )


def _bytes_of(model: Any, tokens: int, prompts: int, rows: int) -> int:  # noqa: ANN401
    """Estimate what a batch takes: its rows' keys and values, and the scores or the mask of its prompts' attention."""
    config = network(model).config
    heads = getattr(config, "num_attention_heads", 1)
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    keys = 2 * config.num_hidden_layers * (getattr(config, "num_key_value_heads", None) or heads) * width
    eager = getattr(config, "_attn_implementation", "eager") == "eager"
    pair = 2 * heads * _FLOAT if eager else _MASK
    return int(rows * keys * tokens * _FLOAT + prompts * tokens * tokens * pair)


def _free_bytes(device: torch.device) -> int | None:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError, ValueError):  # not Linux
        return None
