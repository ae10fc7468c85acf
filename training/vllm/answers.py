"""What vLLM servers answer: typed, and believed only after it is checked.

What this module does not do: ask (`training.vllm.servers`). The fields are those that vLLM's documentation names
("Tokens In <> Tokens Out API" and "Async Reinforcement Learning"); others are passed over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from feedback import FinishReason
from training.records import Rollout, SampleRequest

_NO_LOGPROB = -9999.0
"""What vLLM sends for a log-probability that is missing or not a number."""
_ROUNDING = 1e-3
"""A certain token's log-probability may come out a little above 0 on reduced precision."""
_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


class ServerError(RuntimeError):
    """A server answered what cannot be used, or none is left; the message names server and field."""


@dataclass(frozen=True, slots=True)
class Logprob:
    """Of one sampled token."""

    token_id: int
    logprob: float


@dataclass(frozen=True, slots=True)
class Logprobs:
    """Of all of them."""

    content: list[Logprob]


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens `start` to `end` were sampled with the weights of this label."""

    version: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One completion."""

    token_ids: list[int]
    logprobs: Logprobs
    finish_reason: str
    weight_versions: list[Span]


@dataclass(frozen=True, slots=True)
class Generated:
    """The answer of `/inference/v1/generate`."""

    choices: list[Choice]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that a server offers."""

    id: str
    root: str | None = None
    max_model_len: int | None = None


@dataclass(frozen=True, slots=True)
class Models:
    """The answer of `/v1/models`."""

    data: list[ModelCard]


@dataclass(frozen=True, slots=True)
class Tokenized:
    """The answer of `/tokenize`."""

    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Done:
    """The answer of `/reset_prefix_cache` and `/update_weight_version`."""

    success: bool


def rollout_of(
    answer: Generated, request: SampleRequest, sample: int, *, server: str, label: str, longest: int, vocabulary: int
) -> tuple[Rollout, bool]:
    """The rollout in an answer, and whether the server's weights changed while it was sampled.

    Its policy version is then the older one.

    Args:
        answer: What the server sent.
        request: What was asked.
        sample: Index of the sample among its problem's.
        server: Its address, for messages.
        label: What the names of this run's weights begin with; the version follows.
        longest: Most tokens that were asked for.
        vocabulary: Ids are below it.

    Raises:
        ServerError: a field is not what it should be.
    """

    def check(good: bool, field: str, found: object, wanted: str) -> None:
        if not good:
            raise ServerError(f"{server}: {field} is {found!r}; must be {wanted}")

    check(len(answer.choices) == 1, "len(choices)", len(answer.choices), "1")
    choice = answer.choices[0]
    ids, scores, spans = choice.token_ids, choice.logprobs.content, choice.weight_versions
    check(1 <= len(ids) <= longest, "len(token_ids)", len(ids), f"1 to {longest} (max_tokens)")
    check(len(scores) == len(ids), "len(logprobs.content)", len(scores), f"{len(ids)}, as many as token_ids")
    for place, (token, score) in enumerate(zip(ids, scores, strict=True)):
        check(0 <= token < vocabulary, f"token_ids[{place}]", token, f"an id below {vocabulary}")
        check(
            score.token_id == token, f"logprobs.content[{place}].token_id", score.token_id, f"{token}, the sampled id"
        )
        good = math.isfinite(score.logprob) and _NO_LOGPROB < score.logprob <= _ROUNDING
        wanted = "a finite log-probability (the server's --logprobs-mode: raw_logprobs)"
        check(good, f"logprobs.content[{place}].logprob", score.logprob, wanted)
    check(choice.finish_reason in _REASONS, "finish_reason", choice.finish_reason, " or ".join(_REASONS))
    ends = [0, *(span.end for span in spans)]
    whole = [span.start for span in spans] == ends[:-1] and ends[-1] == len(ids)
    check(whole, "weight_versions", [(span.start, span.end) for span in spans], f"spans that cover {len(ids)} tokens")
    versions = []
    for span in spans:
        number = span.version.removeprefix(label)
        ours = span.version.startswith(label) and number.isdecimal()
        check(ours, "weight_versions.version", span.version, f"one that this run has pushed ({label}N)")
        versions.append(int(number))
    rollout = Rollout(
        problem_id=request.problem_id,
        sample=sample,
        prompt_ids=request.prompt_ids,
        token_ids=tuple(ids),
        logprobs=tuple(min(0.0, score.logprob) for score in scores),
        finish_reason=_REASONS[choice.finish_reason],
        policy_version=min(versions),
    )
    return rollout, len(set(versions)) > 1
