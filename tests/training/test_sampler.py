"""What every sampler keeps to: exact ids and log-probabilities, whatever else is in the batch.

The clients of vLLM and SGLang ask stub servers for them, which have the policy's weights only because they were pushed.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from feedback import FinishReason
from tests.training.sglang.stub import SglangStub
from tests.training.vllm.stub import Stub
from training.models.batching import sequence_logprobs
from training.records import Drawing, SampleRequest, WeightedSequence
from training.samplers.servers.pool import ServerPool
from training.samplers.servers.sampler import ServerSampler
from training.samplers.sglang.api import SglangApi
from training.samplers.transformers import TransformersSampler
from training.samplers.vllm.api import VllmApi
from training.seeds import request_seed


@pytest.fixture(scope="module", params=["transformers", "vllm", "sglang"])
def new_sampler(request, tiny_policy, tmp_path_factory):
    """Builds samplers of one kind, of weights of version 7."""
    if request.param == "transformers":
        yield TransformersSampler
        return
    stub, api = (Stub(tiny_policy), VllmApi) if request.param == "vllm" else (SglangStub(tiny_policy), SglangApi)
    opened = {}

    def new(policy, max_new_tokens, batch_size=64):
        if batch_size not in opened:
            folder = tmp_path_factory.mktemp("served")
            opened[batch_size] = ServerPool(api, [stub.url], policy, folder, batch_size, 600, Drawing())
        return ServerSampler(opened[batch_size], policy, max_new_tokens)

    yield new
    for servers in opened.values():
        servers.close()
    stub.die()


def requests(policy, samples=3):
    prompts = ["print the sum\n", "read a list of numbers and print the largest of them\n", "x\n"]
    return [
        SampleRequest(f"p{i}", tuple(policy.tokenizer(text)["input_ids"]), samples, request_seed(0, 7, f"p{i}"))
        for i, text in enumerate(prompts)
    ]


def draw(sampler, wanted, **drawing):
    sampler.follow(7)
    asked = [replace(request, drawing=Drawing(**drawing)) for request in wanted]
    rollouts = [rollout for batch in sampler.sample(asked) for rollout in batch]
    return {(rollout.problem_id, rollout.sample): rollout for rollout in rollouts}


def test_every_request_gets_its_samples_once(new_sampler, tiny_policy):
    found = draw(new_sampler(tiny_policy, 8, batch_size=4), requests(tiny_policy))
    assert sorted(found) == [(f"p{i}", sample) for i in range(3) for sample in range(3)]
    assert {rollout.policy_version for rollout in found.values()} == {7}


def test_a_sample_does_not_depend_on_its_batch(new_sampler, tiny_policy):
    together = draw(new_sampler(tiny_policy, 12, batch_size=64), requests(tiny_policy))
    apart = draw(new_sampler(tiny_policy, 12, batch_size=1), requests(tiny_policy))
    assert {key: rollout.token_ids for key, rollout in together.items()} == {
        key: rollout.token_ids for key, rollout in apart.items()
    }


@pytest.mark.parametrize("drawn", [{}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.5, "temperature": 1.5}])
def test_logprobs_are_those_the_learner_computes_however_tokens_are_drawn(new_sampler, tiny_policy, drawn):
    for rollout in draw(new_sampler(tiny_policy, 10), requests(tiny_policy), **drawn).values():
        ids = rollout.token_ids
        sequence = WeightedSequence(rollout.prompt_ids, ids, np.ones(len(ids), np.float32))
        assert sequence_logprobs(tiny_policy, [sequence])[0].tolist() == pytest.approx(rollout.logprobs, abs=1e-4)


def test_a_completion_that_is_begun_is_gone_on_with(new_sampler, tiny_policy):
    check_begun(new_sampler, tiny_policy)


def test_so_it_is_where_an_encoder_reads(encoder_decoder_policy):
    check_begun(TransformersSampler, encoder_decoder_policy)


def test_a_beginning_that_the_policy_drew_belongs_to_the_rollout_as_if_drawn_in_one_piece(new_sampler, tiny_policy):
    first = draw(new_sampler(tiny_policy, 6), requests(tiny_policy, samples=1))
    wanted = [
        replace(each, first=1, begun=one.token_ids[:3], drawn=one.logprobs[:3])
        for each in requests(tiny_policy, samples=1)
        for one in [first[each.problem_id, 0]]
    ]
    for (problem, _), rollout in draw(new_sampler(tiny_policy, 6), wanted).items():
        one = first[problem, 0]
        assert (rollout.token_ids[:3], rollout.logprobs[:3], rollout.begun) == (one.token_ids[:3], one.logprobs[:3], 0)


def check_begun(new_sampler, policy):
    begun = {"p0": (11, 12), "p1": (), "p2": (13, 14)}
    wanted = [replace(each, begun=begun[each.problem_id]) for each in requests(policy)]
    found = draw(new_sampler(policy, 6), wanted)
    assert len(found) == 9
    for rollout in found.values():
        given = begun[rollout.problem_id]
        count = len(given)
        assert (rollout.token_ids[:count], rollout.logprobs[:count], rollout.begun) == (given, (0.0,) * count, count)
        whole = WeightedSequence(rollout.prompt_ids, rollout.token_ids, np.ones(len(rollout.token_ids), np.float32))
        expected = sequence_logprobs(policy, [whole])[0].tolist()[count:]
        assert expected == pytest.approx(rollout.logprobs[count:], abs=1e-4)


def test_barred_tokens_are_not_drawn_first_and_logprobs_are_those_of_the_policy(tiny_policy):
    for drawing in ({}, {"temperature": 0}, {"top_k": 1}):
        plain = draw(TransformersSampler(tiny_policy, 6), requests(tiny_policy), **drawing)
        barred = {key: rollout.token_ids[0] for key, rollout in plain.items()}
        wanted = [
            replace(each, samples=1, first=sample, barred=(barred[each.problem_id, sample],) if sample else ())
            for each in requests(tiny_policy)
            for sample in range(each.samples)
        ]
        for key, rollout in draw(TransformersSampler(tiny_policy, 6), wanted, **drawing).items():
            assert (rollout.token_ids == plain[key].token_ids) == (key[1] == 0)
            assert (rollout.token_ids[0] == barred[key]) == (key[1] == 0)
            whole = WeightedSequence(rollout.prompt_ids, rollout.token_ids, np.ones(len(rollout.token_ids), np.float32))
            expected = sequence_logprobs(tiny_policy, [whole])[0].tolist()
            assert expected == pytest.approx(rollout.logprobs, abs=1e-4)


def test_greedy_is_what_transformers_generates(new_sampler, tiny_policy):
    for request in requests(tiny_policy, samples=1):
        ours = draw(new_sampler(tiny_policy, 10), [request], temperature=0)[request.problem_id, 0]
        prompt = torch.tensor([request.prompt_ids])
        theirs = tiny_policy.model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=10, do_sample=False
        )[0, len(request.prompt_ids) :].tolist()
        assert list(ours.token_ids) == theirs


def test_a_sampled_end_of_sequence_ends_the_sample_and_belongs_to_it(new_sampler, tiny_policy):
    ends = set(range(0, len(tiny_policy.tokenizer), 16))  # so many that some are drawn, and not at every first token
    policy = replace(tiny_policy, eos_ids=tuple(ends))
    found = draw(new_sampler(policy, 12), requests(policy, samples=20)).values()
    stopped = [rollout for rollout in found if rollout.finish_reason is FinishReason.STOP]
    assert stopped
    assert all(r.token_ids[-1] in ends and not ends & set(r.token_ids[:-1]) for r in stopped)
    cut = [rollout for rollout in found if rollout.finish_reason is FinishReason.LENGTH]
    assert cut
    assert all(len(rollout.token_ids) == 12 and not ends & set(rollout.token_ids) for rollout in cut)


def test_first_tokens_are_drawn_from_the_softmax(new_sampler, tiny_policy):
    request = requests(tiny_policy, samples=3000 if new_sampler is TransformersSampler else 150)[0]
    firsts = [r.token_ids[0] for r in draw(new_sampler(tiny_policy, 1, batch_size=4096), [request]).values()]
    with torch.inference_mode():
        logits = tiny_policy.model(torch.tensor([request.prompt_ids])).logits[0, -1]
    expected = torch.softmax(logits * 1.0, -1).numpy()
    half = np.argsort(-expected)[: len(expected) // 2]  # the likelier half of the vocabulary
    share = np.isin(firsts, half).mean()
    assert abs(share - expected[half].sum()) < 4 * math.sqrt(0.25 / len(firsts))


def test_top_k_keeps_only_the_likeliest(new_sampler, tiny_policy):
    request = requests(tiny_policy, samples=50)[0]
    found = draw(new_sampler(tiny_policy, 1), [request], top_k=2)
    with torch.inference_mode():
        likeliest = tiny_policy.model(torch.tensor([request.prompt_ids])).logits[0, -1].topk(2).indices.tolist()
    assert {rollout.token_ids[0] for rollout in found.values()} <= set(likeliest)


def test_samples_drawn_differently_may_be_asked_for_together(new_sampler, tiny_policy):
    first, second, _ = requests(tiny_policy, samples=1)
    greedy = replace(first, drawing=Drawing(temperature=0))
    sampler = new_sampler(tiny_policy, 8)
    sampler.follow(7)
    together = [each for batch in sampler.sample([greedy, second, first]) for each in batch]
    found = {(each.problem_id, each.greedy): each.token_ids for each in together}
    alone = draw(new_sampler(tiny_policy, 8), [first, second])
    assert found["p0", True] == draw(new_sampler(tiny_policy, 8), [first], temperature=0)["p0", 0].token_ids
    assert (found["p0", False], found["p1", False]) == (alone["p0", 0].token_ids, alone["p1", 0].token_ids)
