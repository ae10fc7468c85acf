"""Runs with a critic and with repair turns on the embedded model: weights by definition, and exact resuming."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine import Execution, Problem, Report, Similarity, StdinTest, Verdict
from feedback import COMPONENTS, Feedback, FinishReason
from tests.training.families import build
from training.checkpoint import load_experiences
from training.config import ConfigError, ModelSection, TrainConfig
from training.critic.network import OUTCOMES, Critic, CriticLearner, load_critic
from training.critic.step import open_critic, ppocoder_batch
from training.policy import load_policy
from training.ranks import ALONE
from training.records import Baseline, Experience, Rollout
from training.run import Run
from training.step import reinforced

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
    for file in ("model.safetensors", "critic.safetensors"):
        one, two, before = (
            load_file(path / "checkpoints" / step / file)
            for path, step in ((whole, "step-2"), (halves, "step-2"), (whole, "step-1"))
        )
        assert all(torch.equal(one[name], two[name]) for name in one)
        assert any(not torch.equal(one[name], before[name]) for name in one)  # it learns
    progress = [
        msgspec.json.decode((path / "checkpoints" / "step-2" / "progress.json").read_bytes())
        for path in (whole, halves)
    ]
    assert progress[0]["kl_coefficient"] == progress[1]["kl_coefficient"]
    assert len(metric(whole, "critic/loss")) == 2
    if algorithm == "coderl":
        policy = load_policy(ModelSection(), whole / "checkpoints" / "step-2")
        assert load_critic(whole / "checkpoints" / "step-2", policy).outputs == len(OUTCOMES)
    else:
        assert progress[0]["kl_coefficient"] != 0.1  # adapted
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


def test_the_critic_factor_goes_with_any_rewards(tmp_path):
    path = run(tmp_path, "release", feedback__mode="release", objective__critic_factor=True, training__steps=1)
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


@dataclass
class FakeScorer:
    """Compares with nothing: what is alike is given."""

    alike: Similarity

    @property
    def engine(self):
        return SimpleNamespace(compare=lambda program, references: SimpleNamespace(result=lambda: self.alike))


def experience(prompt, tokens, coarse, logprobs, verdict, baseline=0.0) -> Experience:
    rewards = {name: np.zeros(len(tokens), np.float32) for name in COMPONENTS}
    rewards["coarse"] += np.float32(coarse)
    report = Report(b"x", Execution(verdict, (), None, 0.0, ""), ())
    feedback = Feedback(report, (), np.zeros((len(tokens), 2), np.int32), rewards)
    rollout = Rollout("p", 0, prompt, tokens, logprobs, FinishReason.STOP, 0)
    return Experience(rollout, feedback, Baseline(baseline, 0.0))


EXPERIENCES = [
    experience((5, 6), (8, 9, 10), 1.0, (-1.0, -2.0, -0.5), Verdict.PASSED, baseline=-0.3),
    experience((5, 6), (11, 12), -0.3, (-0.25, -1.5), Verdict.FAILED, baseline=-0.3),
    experience((5, 6), (13,), -0.3, (-0.25,), Verdict.FAILED, baseline=1.0),
]


def session(policy, algorithm: str, outputs: int, **parts) -> SimpleNamespace:
    config = TrainConfig.load(overrides={"objective.algorithm": algorithm})
    critic = Critic(policy, outputs)
    torch.manual_seed(3)
    torch.nn.init.normal_(critic.network["head"].weight)
    return SimpleNamespace(
        config=config,
        policy=policy,
        step=0,
        critic=CriticLearner(critic, 1e-3, 4096, 1.0),
        ranks=ALONE,
        reference=None,
        problems={"p": Problem("p", (StdinTest("", ""),), references=("print(1)",))},
        taught={"p": ("print(1)",)},
        prompt=lambda problem: (5, 6),
        kl_coefficient=config.objective.kl,
        **parts,
    )


def test_coderls_weights_are_outcome_minus_greedy_times_the_critics_value(tiny_policy):
    own = session(tiny_policy, "coderl", len(OUTCOMES))
    values = own.critic.critic.token_outcomes([each.rollout for each in EXPERIENCES], [0, 1, 1], 4096)
    batch = reinforced(own, EXPERIENCES)
    assert batch.divisor == 3  # a sum over tokens, the mean over programs
    for sequence, value, advantage in zip(batch.sequences, values, (1.3, 0.0, -1.3), strict=True):
        np.testing.assert_allclose(sequence.weights, advantage * value, rtol=1e-5, atol=1e-7)
    assert batch.metrics.keys() == {"critic/loss", "critic/accuracy", "critic/factor"}


def test_the_critic_is_asked_before_it_is_told(tiny_policy):
    own = session(tiny_policy, "coderl", len(OUTCOMES))
    one = reinforced(own, EXPERIENCES).sequences[0].weights
    two = reinforced(own, EXPERIENCES).sequences[0].weights
    assert not np.allclose(one, two)  # it has learned in between


def test_ppocoders_weights_are_whitened_advantages_by_definition(tiny_policy):
    own = session(tiny_policy, "ppocoder", 1, scorer=FakeScorer(Similarity(0.5, 0.25)))
    shift = np.float32(0.2)
    own.reference = SimpleNamespace(logprobs=lambda sequences: [each.weights - shift for each in sequences])
    values = own.critic.critic.token_values([each.rollout for each in EXPERIENCES], 4096)
    batch = ppocoder_batch(own, own.critic, EXPERIENCES)
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
    assert (batch.terms.kl, batch.terms.clip, batch.divisor) == (0.0, (0.2, 0.2), 6)
    assert batch.metrics["ppocoder/kl"] == pytest.approx(0.2 * 6 / 3, rel=1e-5)
    assert own.kl_coefficient == pytest.approx(0.1 * (1 - 0.2 * 3 / 10_000))  # 0.4 of 1 nat: error at most 0.2


def test_an_objective_without_a_critic_has_none(tiny_policy):
    assert open_critic(TrainConfig(), tiny_policy) is None
    values = open_critic(TrainConfig.load(overrides={"objective.algorithm": "ppocoder"}), tiny_policy)
    assert values is not None
    assert values.critic.outputs == 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"objective.algorithm": "ppocoder", "objective.critic_factor": True}, "objective.critic_factor"),
        ({"objective.kl_target": 1.0}, "objective.kl_target"),
        ({"sampler.turns": 4}, "buffer.capacity: 384 must be at least 512"),
    ],
)
def test_keys_that_do_not_go_together_are_named(overrides, said):
    with pytest.raises(ConfigError, match=said):
        TrainConfig.load(overrides=overrides)
