"""What vLLM servers answer is checked: each thing that cannot be is one line that names server and field."""

from __future__ import annotations

import copy
import json
import math
import threading

import pytest

from tests.training.vllm.stub import drawn, requests
from training.errors import ServerError
from training.samplers.servers.sampler import ServerSampler


def changed(**fields):
    """An answer in which fields of its choice are others."""

    def fault(path, answer):
        if "generate" not in path:
            return None
        (choice,) = answer["choices"]
        new = {name: change(copy.deepcopy(choice)) for name, change in fields.items()}
        return 200, json.dumps({"choices": [choice | new]}).encode()

    return fault


def scored(value):
    return lambda choice: {"content": [{**each, "logprob": value} for each in choice["logprobs"]["content"]]}


MALFORMED = {
    "ids beyond the vocabulary": (changed(token_ids=lambda c: [10**6] * len(c["token_ids"])), r"token_ids\[0\] is 100"),
    "negative ids": (changed(token_ids=lambda c: [-1] * len(c["token_ids"])), r"token_ids\[0\] is -1"),
    "ids that are text": (changed(token_ids=lambda c: ["a"]), r"token_ids\[0\]"),
    "no tokens": (changed(token_ids=lambda c: []), r"len\(token_ids\) is 0"),
    "too many tokens": (changed(token_ids=lambda c: [1] * 99), r"len\(token_ids\) is 99; must be 1 to 5 "),
    "fewer scores": (changed(logprobs=lambda c: {"content": []}), r"len\(logprobs\) is 0; must be \d"),
    "scores of other ids": (changed(token_ids=lambda c: [i ^ 1 for i in c["token_ids"]]), r"logprobs\[0\].token_id"),
    "NaN": (changed(logprobs=scored(math.nan)), "cannot be read: JSON is malformed"),
    "null": (changed(logprobs=scored(None)), r"Expected `float`, got `null`.*content.*logprob"),
    "what vLLM sends for NaN": (changed(logprobs=scored(-9999.0)), r"logprobs\[0\] is -9999"),
    "logits": (changed(logprobs=scored(3.5)), r"logprobs\[0\] is 3.5; .*raw_logprobs"),
    "no scores": (changed(logprobs=lambda c: None), r"Expected `object`, got `null` - at `\$.choices\[0\].logprobs`"),
    "aborted": (changed(finish_reason=lambda c: "abort"), "finish_reason is 'abort'; must be stop or length"),
    "other weights": (
        changed(weight_versions=lambda c: [{"version": "default", "start": 0, "end": len(c["token_ids"])}]),
        "weight_versions.version is 'default'; must be one that this run has pushed",
    ),
    "half a version": (
        changed(weight_versions=lambda c: c["weight_versions"] + [{"version": "x", "start": 9, "end": 9}]),
        "weight_versions is .* must be spans that cover",
    ),
    "no choice": (
        lambda path, answer: (200, b'{"choices": []}') if "generate" in path else None,
        r"len\(choices\) is 0",
    ),
    "not JSON": (lambda path, answer: (200, b"<html>") if "generate" in path else None, "cannot be read: JSON"),
    "refusal": (lambda path, answer: (400, b"too\nlong") if "generate" in path else None, "HTTP 400: too long"),
    "an error of the server": (
        lambda path, answer: (500, b"out of memory") if "generate" in path else None,
        "no vLLM server is left: .*HTTP 500: out of memory",
    ),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_a_server_answers_is_checked(policy, stubs, connect, kind):
    fault, message = MALFORMED[kind]
    servers = connect(stubs[0])
    servers.push(0)
    stubs[0].fault = fault
    with pytest.raises(ServerError, match=message) as caught:
        drawn(ServerSampler(servers, policy, 5), requests(policy, problems=1, samples=1))
    assert stubs[0].url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_takes_too_long_is_given_up(policy, stubs, connect):
    servers = connect(stubs[0], timeout=10.0)
    servers.push(0)
    given_up = threading.Event()
    stubs[0].before_token = lambda stub: given_up.wait()
    with pytest.raises(
        ServerError, match=f"no vLLM server is left: {stubs[0].url}: /inference/v1/generate: no answer in 10 s"
    ):
        drawn(ServerSampler(servers, policy, 1), requests(policy, problems=1, samples=1))
    given_up.set()
