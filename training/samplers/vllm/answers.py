"""Read the answers of vLLM servers as typed records, and check every field before use.

The fields are those that vLLM's documentation names ("Tokens In <> Tokens Out API" and "Async Reinforcement
Learning"). Other fields are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from feedback import FinishReason
from training.errors import ServerError
from training.records import Rollout, SampleRequest

_NO_LOGPROB = -9999.0
"""The value that vLLM sends for a log-probability that is missing or not a number."""
_ROUNDING = 1e-3
"""A certain token's log-probability may come out a little above 0 on reduced precision."""
_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


@dataclass(frozen=True, slots=True)
class Logprob:
    """The log-probability of one sampled token."""

    token_id: int
    logprob: float


@dataclass(frozen=True, slots=True)
class Logprobs:
    """The log-probabilities of all sampled tokens."""

    content: list[Logprob]


@dataclass(frozen=True, slots=True)
class Span:
    """The label of the weights that sampled tokens `start` to `end`."""

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
    """Read the rollout in an answer, and say whether the server's weights changed while it was sampled.

    If they changed, its policy version is the older one.

    Args:
        answer: The server's answer.
        request: The request.
        sample: Index of the sample among its problem's samples.
        server: The server's address, for messages.
        label: Prefix of the names of this run's weights. The version follows it.
        longest: Maximum number of tokens that was requested.
        vocabulary: Upper bound of the ids.

    Raises:
        ServerError: a field has a wrong value.
    """

    def check(good: bool, field: str, found: object, wanted: str) -> None:
        if not good:
            raise ServerError(f"{server}: {field} is {found!r}; must be {wanted}")

    check(len(answer.choices) == 1, "len(choices)", len(answer.choices), "1")
    choice = answer.choices[0]
    ids, spans = choice.token_ids, choice.weight_versions
    check(1 <= len(ids) <= longest, "len(token_ids)", len(ids), f"1 to {longest} (max_tokens)")
    for place in _first(not 0 <= token < vocabulary for token in ids):
        check(False, f"token_ids[{place}]", ids[place], f"an id below {vocabulary}")
    scored, scores = (
        [each.token_id for each in choice.logprobs.content],
        [each.logprob for each in choice.logprobs.content],
    )
    check(len(scores) == len(ids), "len(logprobs.content)", len(scores), f"{len(ids)}, as many as token_ids")
    for place in _first(one != other for one, other in zip(scored, ids, strict=True)):
        check(False, f"logprobs.content[{place}].token_id", scored[place], f"{ids[place]}, the sampled id")
    for place in _first(not _NO_LOGPROB < score <= _ROUNDING for score in scores):  # not NaN either
        wanted = "a finite log-probability (the server's --logprobs-mode: raw_logprobs)"
        check(False, f"logprobs.content[{place}].logprob", scores[place], wanted)
    check(choice.finish_reason in _REASONS, "finish_reason", choice.finish_reason, " or ".join(_REASONS))
    ends = [0, *(span.end for span in spans)]
    whole = [span.start for span in spans] == ends[:-1] and ends[-1] == len(ids)
    check(whole, "weight_versions", [(span.start, span.end) for span in spans], f"spans that cover {len(ids)} tokens")
    numbers = [span.version.removeprefix(label) for span in spans]
    for span, number in zip(spans, numbers, strict=True):
        ours = span.version.startswith(label) and number.isdecimal()
        check(ours, "weight_versions.version", span.version, f"one that this run has pushed ({label}N)")
    versions = {int(number) for number in numbers}
    rollout = Rollout(
        problem_id=request.problem_id,
        sample=sample,
        prompt_ids=request.prompt_ids,
        token_ids=(*request.begun, *ids),
        logprobs=(*[0.0] * len(request.begun), *(min(0.0, score) for score in scores)),
        finish_reason=_REASONS[choice.finish_reason],
        policy_version=min(versions),
        turn=request.turn,
        greedy=request.drawing.greedy,
        begun=len(request.begun),
    )
    return rollout, len(versions) > 1


def _first(wrong: Iterable[bool]) -> list[int]:
    """Yield the index of the first true value, if any. A message is made for it alone, among millions of tokens."""
    return list(islice((place for place, each in enumerate(wrong) if each), 1))
