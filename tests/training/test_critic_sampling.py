"""Critic sampling on the embedded model with a real judge: what is kept, what goes back, and what nobody is shown."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine import Judge, Problem, StdinTest, Verdict
from training import minicode
from training.algorithms.critic import OUTCOMES, Critic
from training.config import ModelSection
from training.evaluation.critic_sampling import CriticSampling, critic_sampled, cut
from training.evaluation.rates import judged_samples
from training.models.policy import PolicyError, load_policy
from training.models.repair import complaint, split_tests
from training.samplers.transformers import TransformersSampler

HOPELESS = Problem(
    "hopeless", (StdinTest("1 2\n", "PUBLICWORD\n"), StdinTest("3 4\n", "HIDDENWORD\n")), prompt="Reverse the list."
)
SHARED = {"seed": 3}


class Recorded:
    """The real sampler, and what it was asked."""

    def __init__(self, policy, **options):
        self.sampler = TransformersSampler(policy, 64, **options)
        self.requests = []

    def sample(self, requests):
        self.requests += requests
        return self.sampler.sample(requests)


@pytest.fixture(scope="module")
def policy():
    torch.set_num_threads(1)
    return load_policy(ModelSection())


@pytest.fixture(scope="module")
def critic(policy):
    critic = Critic(policy, len(OUTCOMES))
    torch.manual_seed(0)
    torch.nn.init.normal_(critic.network["head"].weight, std=0.1)
    return critic


@pytest.fixture(scope="module")
def judge():
    with Judge() as started:
        yield started


@pytest.fixture(scope="module")
def problems():
    return minicode.problems("short", "train", 4)


def test_a_program_is_cut_where_its_prefix_is_likeliest_to_pass():
    rows = np.array([[0.3, 0.2], [0.6, 0.3], [0.9, 0.1], [0.5, 0.4]], dtype=np.float32)
    assert cut(rows) == 3


def test_it_is_cut_before_the_first_token_that_turns_it_doubtful():
    rows = np.array([[0.5, 0.2], [0.3, 0.4], [0.9, 0.1]], dtype=np.float32)
    assert cut(rows) == 1
    assert cut(rows[1:]) == 2  # doubtful from the start: nothing turned
    assert cut(rows[::-1]) == 1


def test_programs_that_pass_their_public_tests_get_new_ends(policy, critic, judge, problems):
    sampler = Recorded(policy)
    found = list(critic_sampled(policy, critic, sampler, judge, problems, 6, **SHARED))
    assert [(each.problem_id, each.rollout.sample) for each in found] == [
        (problem.id, sample) for problem in problems for sample in range(6)
    ]
    drawn = list(
        judged_samples(
            policy, TransformersSampler(policy, 64), judge, [split_tests(p, 1)[0] for p in problems], 6, **SHARED
        )
    )
    refined = 0
    for problem in problems:
        seeds = [each for each in drawn if each.problem_id == problem.id and each.execution.verdict is Verdict.PASSED]
        if not seeds:
            continue
        prompts = [r.prompt_ids for r in sampler.requests if r.problem_id == problem.id][1:]
        assert len(prompts) == len(seeds)
        for prompt, seed in zip(prompts, seeds, strict=True):
            whole = (*seed.rollout.prompt_ids, *seed.rollout.token_ids)
            assert whole[: len(prompt)] == prompt
            assert policy.tokenizer.eos_token_id not in prompt[len(seed.rollout.prompt_ids) :]
        starts = {prompt[len(seeds[0].rollout.prompt_ids) :] for prompt in prompts}
        for each in found:
            if each.problem_id == problem.id:
                refined += 1
                assert any(each.rollout.token_ids[: len(start)] == start for start in starts)
                assert each.program == b"".join(policy.bytes_of(each.rollout.token_ids))
                assert len(each.rollout.logprobs) == len(each.rollout.token_ids)
                assert len(each.execution.tests) == len(problem.tests)
    assert refined >= 6  # the embedded model passes some


def test_where_none_passes_the_critics_best_goes_back_with_what_is_wrong(policy, critic, judge):
    sampler = Recorded(policy)
    settings = CriticSampling(candidates=2)
    found = list(critic_sampled(policy, critic, sampler, judge, [HOPELESS], 5, settings=settings, **SHARED))
    assert len(found) == 5
    first, *repairs = sampler.requests
    assert [(each.samples, each.first) for each in (first, *repairs)] == [(5, 0), (3, 0), (2, 3)]
    public = split_tests(HOPELESS, 1)[0]
    drawn = list(judged_samples(policy, TransformersSampler(policy, 64), judge, [public], 5, **SHARED))
    likely = [row[-1, 0] for row in critic.prefix_outcomes([each.rollout for each in drawn], 4096)]
    ranked = sorted(range(5), key=lambda index: -likely[index])
    for request, index in zip(repairs, ranked, strict=False):
        text = policy.tokenizer.decode(request.prompt_ids, clean_up_tokenization_spaces=False)
        assert drawn[index].program.decode(errors="replace").rstrip() in text
        assert complaint(drawn[index].execution, public) in text
    everything = "".join(policy.tokenizer.decode(request.prompt_ids) for request in sampler.requests)
    assert "HIDDENWORD" not in everything
    assert {each.rollout.prompt_ids for each in found} == {request.prompt_ids for request in repairs}


def test_the_same_seed_gives_the_same_programs(policy, critic, judge, problems):
    again = [
        [
            each.program
            for each in critic_sampled(
                policy, critic, Recorded(policy, batch_size=rows), judge, [*problems[:2], HOPELESS], 3, **SHARED
            )
        ]
        for rows in (64, 3)
    ]
    assert again[0] == again[1]


class Lenient:
    """A judge for whom every program passes: the real ones of a random model never do."""

    def __init__(self, judge):
        self.judge = judge

    def submit(self, program, problem):
        future = Future()
        future.set_result(replace(self.judge.submit(program, problem).result(), verdict=Verdict.PASSED, error=None))
        return future


def test_an_encoder_decoder_model_goes_on_from_a_prefix_too(encoder_decoder_policy, judge):
    critic = Critic(encoder_decoder_policy, len(OUTCOMES))
    torch.manual_seed(0)
    torch.nn.init.normal_(critic.network["head"].weight, std=0.5)
    sampler = Recorded(encoder_decoder_policy)
    found = list(critic_sampled(encoder_decoder_policy, critic, sampler, Lenient(judge), [HOPELESS], 4, **SHARED))
    _, *refined = sampler.requests
    assert len(found) == len(refined) == 4
    assert any(request.begun for request in refined)
    for each, request in zip(found, refined, strict=True):
        assert request.prompt_ids == each.rollout.prompt_ids
        assert each.rollout.token_ids[: len(request.begun)] == request.begun


def test_a_critic_of_values_is_refused(policy, judge):
    with pytest.raises(PolicyError, match="critic of outcomes"):
        next(critic_sampled(policy, Critic(policy, 1), Recorded(policy), judge, [HOPELESS], 2, **SHARED))
