"""SGLang's servers behind the same border as vLLM's: the stub does what 0.5.23 was seen to do (`make engines`)."""

from __future__ import annotations

import copy
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.sglang.stub import SglangStub
from tests.training.vllm.stub import drawn, requests
from training.config import TrainConfig
from training.errors import ConfigError, ServerError
from training.models.batching import sequence_logprobs
from training.records import WeightedSequence
from training.samplers import open_sampler


@pytest.fixture
def policy(tiny_policy):
    return replace(tiny_policy, model=copy.deepcopy(tiny_policy.model))


@pytest.fixture
def stub(policy):
    made = SglangStub(policy)
    yield made
    made.die()


@pytest.fixture
def opened(stub, tmp_path):
    """Opens samplers on the stub, and closes them."""
    made = []

    def opened(policy, tokens=6):
        keys = {"sampler.backend": "sglang", "sampler.servers": stub.url, "sampler.max_new_tokens": tokens}
        made.append(open_sampler(TrainConfig.load(overrides=keys).sampler, policy, tmp_path / "served"))
        return made[-1]

    yield opened
    for sampler in made:
        sampler.close()


def move(policy):
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in policy.trained:
            parameter.add_(0.2 * parameter.std() * torch.randn(parameter.shape, generator=generator))


def under(policy, rollout):
    weights = np.ones(len(rollout.token_ids), np.float32)
    return sequence_logprobs(policy, [WeightedSequence(rollout.prompt_ids, rollout.token_ids, weights)])[0].tolist()


def test_a_server_samples_from_the_weights_that_were_pushed_last(policy, opened):
    sampler = opened(policy)
    for version in (3, 4):
        sampler.follow(version)
        for rollout in drawn(sampler, requests(policy)).values():
            assert rollout.policy_version == version
            assert under(policy, rollout) == pytest.approx(rollout.logprobs, abs=1e-4)
        move(policy)


def test_new_weights_wait_for_requests_in_flight(policy, stub, opened):
    sampler, wanted = opened(policy, tokens=12), requests(policy, samples=1)
    sampler.follow(0)
    before, held, old = stub.tokens, threading.Event(), copy.deepcopy(policy)
    stub.before_token = lambda stub: stub.tokens < before + 8 or held.wait()
    sampler.ahead(wanted)
    while stub.tokens < before + 8:
        time.sleep(0.01)
    move(policy)
    sampler.follow(1, go_on=held.set)
    rollouts = list(drawn(sampler, wanted).values())
    assert {rollout.policy_version for rollout in rollouts} == {0}
    assert all(under(old, each) == pytest.approx(each.logprobs, abs=1e-4) for each in rollouts)
    assert {rollout.policy_version for rollout in drawn(sampler, requests(policy)).values()} == {1}


def test_an_adapter_has_a_name_of_its_own_for_each_version(policy, stub, opened):
    pytest.importorskip("peft")
    from training.models.adapters import new_adapter

    stub.base = copy.deepcopy(policy.model)
    section = policy.section.model_copy(update={"lora_rank": 2})
    adapted = replace(policy, model=new_adapter(policy.model, section).eval(), section=section)
    sampler = opened(adapted)
    for version in (1, 2):
        with torch.no_grad():
            for parameter in adapted.trained:
                parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(version))
        sampler.follow(version)
        for rollout in drawn(sampler, requests(adapted)).values():
            assert rollout.policy_version == version
            assert under(adapted, rollout) == pytest.approx(rollout.logprobs, abs=1e-4)
    assert [name.rpartition("-")[2] for name in stub.adapters] == ["2"]
    assert [name.rpartition("-")[2] for name in stub.dropped] == ["1"]


def test_the_window_is_two_tokens_smaller_than_the_context(policy, stub, opened):
    wanted = requests(policy, problems=1)
    read = len(wanted[0].prompt_ids)
    stub.longest = read + 30 + 2
    sampler = opened(policy, tokens=30)
    sampler.follow(0)
    assert len(drawn(sampler, wanted)) == 2
    stub.longest -= 1
    with pytest.raises(
        ServerError, match=rf"prompt of {read} tokens and a completion of 30 do not fit into the {read + 29} "
    ):
        drawn(opened(policy, tokens=30), wanted)


def test_log_probabilities_at_another_temperature_are_found(policy, stub, opened):
    stub.original = False
    with pytest.raises(ServerError, match=r"SGLang server .* does not sample from .*SGLANG_RETURN_ORIGINAL_LOGPROB=1"):
        opened(policy).follow(0)


def test_a_server_that_ends_over_weights_of_other_shapes_is_told_of(policy, stub, opened):
    sampler = opened(policy)
    stub.model.resize_token_embeddings(8)
    with pytest.raises(ServerError, match=r"no SGLang server is left: .*new weights: .*other shapes than model\.name"):
        sampler.follow(0)


def test_what_a_server_does_not_take_is_told_of_in_one_line(policy, stub, opened):
    sampler = opened(policy)
    stub.fault = lambda path, answer: (400, b'{"success": false}') if path == "/update_weights_from_disk" else None
    with pytest.raises(ServerError, match=r"new weights: .*update_weights_from_disk: HTTP 400.*run.folder must be"):
        sampler.follow(0)
    stub.name = "somebody/else"
    with pytest.raises(ConfigError, match=r"sampler\.servers: .* serves 'somebody/else', not model\.name"):
        opened(policy)
