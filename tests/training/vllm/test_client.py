"""The vLLM client against stub servers: weights and versions, servers that die or are not the right ones."""

from __future__ import annotations

import copy
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.training.vllm.stub import Stub, drawn, requests
from training.algorithms.loss import Loss
from training.config import OptimizerSection
from training.errors import ServerError
from training.learners.local import LocalLearner
from training.models.batching import sequence_logprobs
from training.records import WeightedSequence
from training.samplers.servers.sampler import ServerSampler


def move(policy, by=0.2):
    """Change every weight, as a step of learning does, only more."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in policy.trained:
            parameter.add_(by * parameter.std() * torch.randn(parameter.shape, generator=generator))


def under(policy, rollout):
    """Log-probabilities of a rollout's tokens under the policy as it is."""
    weights = np.ones(len(rollout.token_ids), np.float32)
    return sequence_logprobs(policy, [WeightedSequence(rollout.prompt_ids, rollout.token_ids, weights)])[0].tolist()


def test_servers_sample_from_the_weights_that_were_pushed_last(policy, stubs, connect, tmp_path):
    servers = connect(*stubs)
    sampler = ServerSampler(servers, policy, 6)
    for version in (3, 4):
        servers.push(version)
        for rollout in drawn(sampler, requests(policy)).values():
            assert rollout.policy_version == version
            assert under(policy, rollout) == pytest.approx(rollout.logprobs, abs=1e-4)
        move(policy)
    pushed = [f"{servers.label}3", f"{servers.label}4"]
    assert [[path.name for path in stub.loaded] for stub in stubs] == [pushed] * 2
    assert [path.name for path in (tmp_path / "served").iterdir()] == pushed[1:]
    servers.close()
    assert not (tmp_path / "served").exists()


@pytest.mark.parametrize("tied", [False, True])
def test_weights_have_the_type_that_is_computed_in(policy, connect, tied):
    config = type(policy.model.config).from_dict({**policy.model.config.to_dict(), "tie_word_embeddings": tied})
    section = policy.section.model_copy(update={"dtype": "bfloat16"})
    stub = Stub(replace(policy, model=type(policy.model)(config)))
    ours = replace(policy, model=type(policy.model)(config), section=section)
    connect(stub, policy=ours).push(1)
    found = load_file(stub.loaded[0] / "model.safetensors")
    assert {tensor.dtype for tensor in found.values()} == {torch.bfloat16}
    assert ("lm_head.weight" in found) is not tied
    pushed, loaded = ours.model.state_dict(), stub.model.state_dict()
    assert all(torch.equal(pushed[name].bfloat16().float(), loaded[name]) for name in pushed)
    stub.die()


def test_a_caller_that_is_to_stop_does_not_wait_for_slow_servers(policy, stubs, connect):
    servers = connect(*stubs)
    stubs[1].fault = lambda path, answer: time.sleep(3) if path == "/collective_rpc" else None

    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        servers.push(1, go_on=stop)


def test_a_caller_that_waits_for_samples_is_asked_meanwhile_whether_to_go_on(policy, stubs, connect):
    servers = connect(stubs[0])
    servers.push(0)
    held = threading.Event()
    stubs[0].before_token = lambda stub: held.wait()
    batches = ServerSampler(servers, policy, 2).sample(requests(policy))
    assert next(batches) == []
    held.set()
    assert len([each for batch in batches for each in batch]) == 4


def test_an_adapter_alone_is_pushed_under_a_name_of_its_own_for_each_version(adapted, connect):
    policy, stub = adapted
    servers = connect(stub, policy=policy)
    sampler = ServerSampler(servers, policy, 6)
    for version in (1, 2):
        sampler.follow(version)
        assert not list(stub.loaded[-1].glob("model*"))
        for rollout in drawn(sampler, requests(policy)).values():
            assert rollout.policy_version == version
            assert under(policy, rollout) == pytest.approx(rollout.logprobs, abs=1e-4)
        move(policy)
    names = [f"{servers.label}1", f"{servers.label}2"]
    assert list(dict.fromkeys(body["model"] for body in stub.asked)) == names
    assert stub.dropped == names[:1]
    assert [each.name for each in stub.loaded[-1].parent.iterdir()] == names[1:]
    servers.close()
    assert stub.dropped == names  # a server is left as it was found


def hold_each(stub, requests, pushed):
    """Hold each request, which has a thread of its own, after four tokens. Returns what waits for all of them."""
    begun: dict[int, int] = {}

    def hold(_):
        begun[threading.get_ident()] = begun.get(threading.get_ident(), 0) + 1
        if begun[threading.get_ident()] > 4:
            pushed.wait()

    def all_begun():
        while sum(tokens > 4 for tokens in begun.copy().values()) < requests:
            time.sleep(0.01)

    stub.before_token = hold
    return all_begun


def test_requests_in_flight_keep_the_adapter_that_they_began_with_until_their_end(adapted, connect):
    policy, stub = adapted
    servers = connect(stub, policy=policy)
    sampler, wanted = ServerSampler(servers, policy, 12), requests(policy, samples=1)
    sampler.follow(0)
    pushed = threading.Event()
    all_begun = hold_each(stub, 2, pushed)
    sampler.ahead(wanted)
    all_begun()
    old = copy.deepcopy(policy)
    move(policy)
    servers.push(1)
    assert stub.dropped == []
    assert len(list(stub.loaded[0].parent.iterdir())) == 2
    pushed.set()
    rollouts = list(drawn(sampler, wanted).values())
    assert [rollout.policy_version for rollout in rollouts] == [0, 0]
    assert sampler.metrics(1, rollouts)["sampler/crossed"] == 0
    for rollout in rollouts:
        assert under(old, rollout) == pytest.approx(rollout.logprobs, abs=1e-4)
    while not stub.dropped:  # it is dropped beside the answer
        time.sleep(0.01)
    assert stub.dropped == [f"{servers.label}0"]


def test_samples_whose_weights_change_on_the_way_are_counted_and_have_the_older_version(policy, stubs, connect):
    servers = connect(stubs[0])
    sampler = ServerSampler(servers, policy, 12)
    servers.push(0)
    pushed = threading.Event()
    all_begun = hold_each(stubs[0], 2, pushed)
    wanted = requests(policy, samples=1)
    sampler.ahead(wanted)
    all_begun()
    move(policy)
    servers.push(1)
    pushed.set()
    rollouts = list(drawn(sampler, wanted).values())
    assert [rollout.policy_version for rollout in rollouts] == [0, 0]
    metrics = sampler.metrics(1, rollouts)
    assert (metrics["sampler/crossed"], metrics["sampler/lag"]) == (2, 1)
    assert sampler.metrics(1, [])["sampler/crossed"] == 0
    for rollout in rollouts:  # the last token is the new weights', all of its context read anew by them
        assert under(policy, rollout)[-1] == pytest.approx(rollout.logprobs[-1], abs=1e-4)
        assert under(policy, rollout)[0] != pytest.approx(rollout.logprobs[0], abs=1e-3)
    assert len(stubs[0].asked) == 2  # what was begun is not asked again


def test_a_sample_that_lags_is_weighted_by_the_clipped_ratio_to_the_policy_that_wrote_it(policy, stubs, connect):
    servers = connect(stubs[0])
    servers.push(0)
    rollouts = list(drawn(ServerSampler(servers, policy, 8), requests(policy)).values())
    sequences = [
        WeightedSequence(
            each.prompt_ids,
            each.token_ids,
            np.full(len(each.token_ids), 0.7, np.float32),
            old_logprobs=np.array(each.logprobs, np.float32),
        )
        for each in rollouts
    ]

    def kl_and_gradient():
        learner = LocalLearner(policy, OptimizerSection(learning_rate=1e-9, gradient_clip=1e9), steps=1)
        learner.accumulate(sequences, 1.0, Loss(clip=(0.2, 0.28)))
        found = policy.trained[0].grad.clone()
        return learner.update()["policy/kl_from_sampler"], found

    same, _ = kl_and_gradient()
    assert same == pytest.approx(0, abs=1e-6)  # no lag: every ratio is 1
    move(policy, by=8.0)
    lagging, gradient = kl_and_gradient()
    assert lagging > 1e-3
    logprobs = sequence_logprobs(policy, sequences)
    expected, kept = torch.zeros(()), set()
    for row, each in zip(logprobs, rollouts, strict=True):
        ratio = torch.exp(row[: len(each.token_ids)].detach() - torch.tensor(each.logprobs))
        inside = (ratio <= 1.28).float()  # a positive weight is held back above only
        kept |= set(inside.tolist())
        expected = expected - (0.7 * inside * ratio * row[: len(each.token_ids)]).sum()
    expected.backward()
    assert kept == {0.0, 1.0}  # some are held back, some are not
    assert torch.allclose(policy.trained[0].grad, gradient, atol=1e-5)


def test_requests_are_spread_over_the_servers_and_each_has_at_most_so_many(policy, stubs, connect):
    servers = connect(*stubs, in_flight=2)
    servers.push(0)
    for stub in stubs:
        stub.before_token = lambda stub: time.sleep(0.01)
    assert len(drawn(ServerSampler(servers, policy, 4), requests(policy, problems=6))) == 12
    assert all(stub.asked for stub in stubs)
    assert [stub.most_busy for stub in stubs] == [2, 2]


def test_a_server_that_dies_leaves_its_requests_to_the_others_and_they_end_the_same(policy, stubs, connect):
    told = []
    servers = connect(*stubs, tell=told.append)
    servers.push(0)
    sampler, wanted = ServerSampler(servers, policy, 10), requests(policy, problems=4)
    undisturbed = drawn(sampler, wanted)

    def dies(stub):
        if stub.tokens >= before + 6:
            stub.dead = True

    before = stubs[0].tokens
    stubs[0].before_token = dies
    assert drawn(sampler, wanted) == undisturbed
    metrics = sampler.metrics(0, [])
    assert metrics["sampler/servers"] == 1
    assert metrics["sampler/retried"] >= 1
    assert len(told) == 1
    assert stubs[0].url in told[0]
    stubs[1].dead = True
    with pytest.raises(ServerError, match=f"no vLLM server is left: {stubs[0].url}: .*; {stubs[1].url}: ") as caught:
        drawn(sampler, wanted)
    assert "\n" not in str(caught.value)


def test_a_lost_server_is_asked_again_once_it_takes_new_weights(policy, stubs, connect):
    told = []
    servers = connect(*stubs, tell=told.append)
    servers.push(0)
    sampler = ServerSampler(servers, policy, 4)
    stubs[0].sick = True
    stubs[0].fault = lambda path, answer: (500, b"engine is dead") if "generate" in path else None
    assert len(drawn(sampler, requests(policy))) == 4
    servers.push(1)
    assert servers.counts()["sampler/servers"] == 1  # still ill
    stubs[0].sick, stubs[0].fault = False, lambda path, answer: None
    servers.push(2)
    assert servers.counts()["sampler/servers"] == 2
    assert told[1:] == [f"vLLM server {stubs[0].url} is back"]
    assert {each.policy_version for each in drawn(sampler, requests(policy)).values()} == {2}
    assert stubs[0].loaded[-1].name == f"{servers.label}2"


def test_a_server_that_keeps_an_old_output_head_is_found_by_its_log_probabilities(policy, stubs, connect):
    servers = connect(*stubs)
    sampler = ServerSampler(servers, policy, 4)
    sampler.follow(0)
    assert sampler.metrics(0, [])["sampler/disagreement"] < 1e-4
    stubs[1].stale_head = policy.model.get_output_embeddings().weight.detach().clone()
    sampler.follow(0)
    move(policy)
    said = f"vLLM server {stubs[1].url} does not sample from the learner's weights: after version 1 was pushed, "
    with pytest.raises(ServerError, match=said + r".* differ .* by 0\.\d+ on average .* allowed are 0.001 ") as caught:
        sampler.follow(1)
    assert "\n" not in str(caught.value)


def test_a_push_that_changes_nothing_is_found(policy, stubs, connect):
    sampler = ServerSampler(connect(stubs[0]), policy, 4)
    sampler.follow(0)
    stubs[0].load = lambda folder: None
    move(policy, by=0.05)
    with pytest.raises(ServerError, match="after version 1 was pushed"):
        sampler.follow(1)


def test_an_adapter_that_changes_nothing_is_found(adapted, connect, monkeypatch):
    policy, stub = adapted
    sampler = ServerSampler(connect(stub, policy=policy), policy, 4)
    monkeypatch.setattr("training.models.adapters.apply_adapter", lambda model, folder: model)
    with pytest.raises(ServerError, match="does not sample from the learner's weights: after version 1 was pushed"):
        sampler.follow(1)


def test_requests_in_flight_are_taken_off_a_server_that_does_not_take_new_weights(policy, stubs, connect):
    servers = connect(*stubs)
    sampler, wanted = ServerSampler(servers, policy, 4), requests(policy)
    sampler.follow(0)
    before, held = stubs[0].tokens, threading.Event()
    stubs[0].before_token = lambda stub: stub.tokens < before + 2 or held.wait()
    sampler.ahead(wanted)
    while stubs[0].tokens < before + 2:
        time.sleep(0.01)
    stubs[0].fault = lambda path, answer: (500, b"Worker failed") if path == "/collective_rpc" else None
    servers.push(1)  # the first server is paused for good
    assert len(drawn(sampler, wanted)) == 4
    assert sampler.metrics(1, [])["sampler/servers"] == 1
    held.set()


def test_a_cache_that_is_not_forgotten_is_an_error(policy, stubs, connect):
    stubs[0].fault = lambda path, answer: (200, b'{"success": false}') if "cache" in path else None
    with pytest.raises(ServerError, match=f"{stubs[0].url}/reset_prefix_cache.*success is false"):
        connect(stubs[0]).push(1)
