"""Check every field of a server's answer before use, and make it a rollout."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from feedback import FinishReason
from training.errors import ServerError
from training.records import Rollout, SampleRequest
from training.samplers.servers.border import Answer

_NO_LOGPROB = -9999.0
"""The value that vLLM sends for a log-probability that is missing or not a number."""
_ROUNDING = 1e-3
"""A certain token's log-probability may come out a little above 0 on reduced precision."""
_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


def versions_of(answer: Answer, longest: int, *, server: str, label: str, vocabulary: int) -> set[int]:
    """Check an answer, and return the versions of the weights that sampled it.

    Args:
        answer: The server's answer.
        longest: Maximum number of tokens that was requested.
        server: The server's address, for messages.
        label: Prefix of the names of this run's weights. The version follows it.
        vocabulary: Upper bound of the ids.

    Raises:
        ServerError: a field has a wrong value.
    """

    def check(good: bool, field: str, found: object, wanted: str) -> None:
        if not good:
            raise ServerError(f"{server}: {field} is {found!r}; must be {wanted}")

    ids, scores, spans = answer.token_ids, answer.logprobs, answer.spans
    check(1 <= len(ids) <= longest, "len(token_ids)", len(ids), f"1 to {longest} (max_tokens)")
    for place in _first(not 0 <= token < vocabulary for token in ids):
        check(False, f"token_ids[{place}]", ids[place], f"an id below {vocabulary}")
    check(len(scores) == len(ids), "len(logprobs)", len(scores), f"{len(ids)}, as many as token_ids")
    for place in _first(one != other for one, other in zip(answer.scored_ids, ids, strict=True)):
        check(False, f"logprobs[{place}].token_id", answer.scored_ids[place], f"{ids[place]}, the sampled id")
    for place in _first(not _NO_LOGPROB < score <= _ROUNDING for score in scores):  # not NaN either
        wanted = "a finite log-probability (vLLM's --logprobs-mode: raw_logprobs)"
        check(False, f"logprobs[{place}]", scores[place], wanted)
    check(answer.finish_reason in _REASONS, "finish_reason", answer.finish_reason, " or ".join(_REASONS))
    whole = answer.finish_reason == "stop" or len(ids) == longest
    check(whole, "len(token_ids)", len(ids), f"{longest}, for it ended by length: the server's window is too small")
    ends = [0, *(span.end for span in spans)]
    covered = [span.start for span in spans] == ends[:-1] and ends[-1] == len(ids)
    check(covered, "weight_versions", [(span.start, span.end) for span in spans], f"spans that cover {len(ids)} tokens")
    numbers = [span.version.removeprefix(label) for span in spans]
    for span, number in zip(spans, numbers, strict=True):
        ours = span.version.startswith(label) and number.isdecimal()
        check(ours, "weight_versions.version", span.version, f"one that this run has pushed ({label}N)")
    return {int(number) for number in numbers}


def rollout_of(answer: Answer, request: SampleRequest, sample: int, version: int) -> Rollout:
    """Make a rollout of an answer that was checked.

    Args:
        answer: The server's answer.
        request: The request.
        sample: Index of the sample among its problem's samples.
        version: The oldest version of the weights that sampled it.
    """
    return Rollout(
        problem_id=request.problem_id,
        sample=sample,
        prompt_ids=request.prompt_ids,
        token_ids=(*request.begun, *answer.token_ids),
        logprobs=(*[0.0] * request.given, *request.drawn, *(min(0.0, score) for score in answer.logprobs)),
        finish_reason=_REASONS[answer.finish_reason],
        policy_version=version,
        turn=request.turn,
        greedy=request.drawing.greedy,
        begun=request.given,
    )


def _first(wrong: Iterable[bool]) -> list[int]:
    """Yield the index of the first true value, if any. A message is made for it alone, among millions of tokens."""
    return list(islice((place for place, is_wrong in enumerate(wrong) if is_wrong), 1))
