"""Runs with a critic and with repair turns on the embedded model: weights by definition, and exact resuming."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine import Execution, Report, Verdict
from feedback import COMPONENTS, Feedback, FinishReason
from tests.training.algorithms import algorithm, compared
from tests.training.families import build
from training.algorithms.critic import OUTCOMES, load_critic
from training.config import ModelSection, TrainConfig
from training.errors import ConfigError
from training.models.policy import load_policy
from training.ranks import Ranks
from training.records import Baseline, Experience, Group, Rollout, Sample
from training.run import Run
from training.run.checkpoint import load_algorithm, load_experiences

pytestmark = pytest.mark.slow

SMALL = {
    "data.limit": 8,
    "data.held_out_limit": 2,
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 3,
    "buffer.capacity": 6,
    "buffer.batch_size": 6,
    "buffer.initial": 6,
    "training.supervised_batch": 2,
    "training.checkpoint_every": 1,
    "training.keep_checkpoints": 9,
    "training.steps": 2,
    "evaluation.samples_per_problem": 1,
    "optimizer.warmup_steps": 0,
    "critic.warmup_steps": 2,
}


def run(folder: Path, name: str, **options: object) -> Path:
    from training.loop import train

    changes = {key.replace("__", "."): value for key, value in options.items() if "__" in key}
    config = TrainConfig.load(overrides={**SMALL, "run.folder": str(folder), "run.name": name, **changes})
    train(config, folder / name, **{key: value for key, value in options.items() if "__" not in key})
    return folder / name


def metric(path: Path, name: str) -> list[float]:
    return [row["value"] for row in Run.open(path).metrics() if row["name"] == name]


@pytest.mark.parametrize("algorithm", ["coderl", "ppocoder"])
def test_a_resumed_run_has_the_same_policy_and_critic_bit_for_bit(tmp_path, algorithm):
    whole = run(tmp_path, "whole", objective__algorithm=algorithm)
    shutil.copytree(whole, tmp_path / "halves")
    shutil.rmtree(tmp_path / "halves" / "checkpoints" / "step-2")  # as if it had been killed in its second step
    halves = run(tmp_path, "halves", objective__algorithm=algorithm, resume=True)
    for read in (
        lambda folder: load_file(folder / "model.safetensors"),
        lambda folder: load_algorithm(folder)["critic"]["weights"],
    ):
        one, two, before = (
            read(path / "checkpoints" / step)
            for path, step in ((whole, "step-2"), (halves, "step-2"), (whole, "step-1"))
        )
        assert all(torch.equal(one[name], two[name]) for name in one)
        assert any(not torch.equal(one[name], before[name]) for name in one)  # it learns
    states = [load_algorithm(path / "checkpoints" / "step-2") for path in (whole, halves)]
    assert states[0].get("kl_coefficient") == states[1].get("kl_coefficient")
    assert len(metric(whole, "critic/loss")) == 2
    if algorithm == "coderl":
        policy = load_policy(ModelSection(), whole / "checkpoints" / "step-2")
        assert load_critic(whole / "checkpoints" / "step-2", policy).outputs == len(OUTCOMES)
    else:
        assert states[0]["kl_coefficient"] != 0.1  # adapted
        assert metric(whole, "ppocoder/kl")[0] == pytest.approx(0.0, abs=1e-2)  # the first batch is the reference's own


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("codet5", {"objective__algorithm": "coderl", "sampler__turns": 2, "buffer__capacity": 12}),
        ("codegen", {"objective__algorithm": "ppocoder", "model__lora_rank": 2}),
    ],
)
def test_encoder_decoder_models_and_adapters_have_critics_too(family, options, tmp_path):
    model = {"model__name": str(build(family, tmp_path / family)), "sampler__max_new_tokens": 12}
    path = run(tmp_path, "run", training__steps=1, buffer__initial=3, **model, **options)
    assert metric(path, "critic/loss")[0] > 0
    policy = load_policy(ModelSection(name=str(path / "checkpoints" / "step-1")))
    assert load_critic(path / "checkpoints" / "step-1", policy).outputs == (4 if family == "codet5" else 1)


def test_the_critics_factor_goes_with_any_rewards(tmp_path):
    rewards = {"objective__adaptive": 1, "objective__fine": 1, "objective__normalisation": "token_mean"}
    path = run(
        tmp_path, "release", feedback__mode="release", training__steps=1, objective__algorithm="coderl", **rewards
    )
    assert 0 < metric(path, "critic/factor")[0] < 1


def test_failing_programs_come_again_with_a_prompt_of_their_own(tmp_path):
    path = run(tmp_path, "turns", sampler__turns=3, training__steps=1, buffer__capacity=18)
    opened = Run.open(path)
    rows = opened.samples()
    second = [row for row in rows if row["sample"] // 3 == 1]
    assert second
    assert metric(path, "turns/2/samples") == [len(second)]
    assert len(load_experiences(path / "checkpoints" / "step-1" / "buffer.msgpack")) >= len(rows) > 6
    everything = [opened.record(row["seq"]) for row in rows]
    assert all(len(record["tests"]) in (0, 5) for record in everything)  # six tests, one of them public
    for record in everything:
        asked_again = record["sample"] >= 3
        assert ("This program is wrong:" in record["prompt"]) is asked_again
    firsts = {(row["problem_id"], row["sample"]): opened.record(row["seq"]) for row in rows if row["sample"] < 3}
    for record in everything:
        if record["sample"] // 3 == 1:
            assert firsts[record["problem_id"], record["sample"] - 3]["program"].rstrip() in record["prompt"]


# By definition, on a tiny model


def experience(prompt, tokens, advantage, coarse, logprobs, verdict) -> Experience:
    rewards = {name: np.zeros(len(tokens), np.float32) for name in COMPONENTS}
    rewards["coarse"] += np.float32(coarse)
    report = Report(b"x", Execution(verdict, (), None, 0.0, ""), ())
    feedback = Feedback(report, (), np.zeros((len(tokens), 2), np.int32), rewards)
    rollout = Rollout("p", 0, prompt, tokens, logprobs, FinishReason.STOP, 0)
    return Experience(rollout, feedback, Baseline(0.0, 0.0), np.full(len(tokens), advantage, np.float32))


EXPERIENCES = [
    experience((5, 6), (8, 9, 10), 1.3, 1.0, (-1.0, -2.0, -0.5), Verdict.PASSED),
    experience((5, 6), (11, 12), 0.0, -0.3, (-0.25, -1.5), Verdict.FAILED),
    experience((5, 6), (13,), -1.3, -0.3, (-0.25,), Verdict.FAILED),
]


def opened(policy, name: str, **parts):
    own = algorithm(name, policy=policy, keys={"kl": 0.0} if name == "ppocoder" else {}, **parts)
    torch.manual_seed(3)
    torch.nn.init.normal_(own.critic.critic.network["head"].weight)
    return own


def test_coderls_advantages_are_outcome_minus_greedy():
    own = algorithm("coderl", policy=None, ranks=Second())
    greedy = Sample(EXPERIENCES[1].rollout, EXPERIENCES[1].feedback)
    samples = tuple(Sample(each.rollout, each.feedback) for each in EXPERIENCES)
    for each, advantage in zip(own.credit(Group("p", samples, greedy)), (1.3, 0.0, 0.0), strict=True):
        np.testing.assert_allclose(each.weights, advantage, rtol=1e-6)


class Second(Ranks):
    """A process that has no critic."""

    index, count = 1, 2


def test_coderls_weights_are_advantages_times_the_critics_value(tiny_policy):
    own = opened(tiny_policy, "coderl")
    values = own.critic.critic.token_outcomes([each.rollout for each in EXPERIENCES], [0, 1, 1], 4096)
    batch = own.batch(EXPERIENCES, 0)
    assert batch.divisor == 3  # a sum over tokens, the mean over programs
    for sequence, value, advantage in zip(batch.sequences, values, (1.3, 0.0, -1.3), strict=True):
        np.testing.assert_allclose(sequence.weights, advantage * value, rtol=1e-5, atol=1e-7)
    assert batch.metrics.keys() == {"critic/loss", "critic/accuracy", "critic/factor"}


def test_the_critic_is_asked_before_it_is_told(tiny_policy):
    own = opened(tiny_policy, "coderl")
    one = own.batch(EXPERIENCES, 0).sequences[0].weights
    two = own.batch(EXPERIENCES, 0).sequences[0].weights
    assert not np.allclose(one, two)  # it has learned in between


def test_ppocoders_weights_are_whitened_advantages_by_definition(tiny_policy):
    own = opened(tiny_policy, "ppocoder", compare=compared(0.5, 0.25))
    shift, own.kl_coefficient = np.float32(0.2), 0.1
    own.reference = SimpleNamespace(logprobs=lambda sequences: [each.weights - shift for each in sequences])
    values = own.critic.critic.token_values([each.rollout for each in EXPERIENCES], 4096)
    batch = own.batch(EXPERIENCES, 0)
    expected = []
    for each, value in zip(EXPERIENCES, values, strict=True):
        count = len(value)
        rewards = [-0.1 * 0.2] * count
        rewards[-1] += float(each.feedback.rewards["coarse"][0]) + 1 + 0.5 + 0.25
        later = [*value[1:].tolist(), 0.0]
        deltas = [rewards[t] + later[t] - float(value[t]) for t in range(count)]
        expected.append([sum(0.95 ** (s - t) * deltas[s] for s in range(t, count)) for t in range(count)])
    everything = np.concatenate(expected)
    for sequence, row in zip(batch.sequences, expected, strict=True):
        np.testing.assert_allclose(sequence.weights, (row - everything.mean()) / everything.std(), atol=1e-4)
        assert sequence.old_logprobs is not None
    assert (batch.loss.kl, batch.loss.clip, batch.divisor) == (0.0, (0.2, 0.2), 6)
    assert batch.metrics["ppocoder/kl"] == pytest.approx(0.2 * 6 / 3, rel=1e-5)
    assert own.kl_coefficient == pytest.approx(0.1 * (1 - 0.2 * 3 / 10_000))  # 0.4 of 1 nat: error at most 0.2


def test_a_critic_of_values_has_one_output(tiny_policy):
    assert opened(tiny_policy, "ppocoder").critic.critic.outputs == 1
    assert opened(tiny_policy, "coderl").critic.critic.outputs == len(OUTCOMES)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"objective.kl_target": 1.0}, "objective.kl_target"),
        ({"sampler.turns": 4, "buffer.capacity": 384}, "buffer.capacity: 384 must be at least 512"),
    ],
)
def test_keys_that_do_not_go_together_are_named(overrides, said):
    with pytest.raises(ConfigError, match=said):
        TrainConfig.load(overrides=overrides)
