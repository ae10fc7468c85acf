"""LoRA: adapters alone are trained and kept; switched off, the policy is what it was."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.families import build
from training.config import ModelSection, OptimizerSection
from training.learners.local import LocalLearner
from training.models.adapters import save_weights, without_adapter
from training.models.batching import sequence_logprobs
from training.models.policy import load_policy
from training.records import WeightedSequence

SEQUENCES = [
    WeightedSequence((7, 8, 9), (20, 21, 22), np.ones(3, np.float32)),
    WeightedSequence((7, 8, 9), (30, 31), np.ones(2, np.float32)),
]


@pytest.fixture(params=["codet5", "codegen", "qwen2"])
def section(request, tmp_path):
    return ModelSection(name=str(build(request.param, tmp_path / request.param)), lora_rank=2)


def learned(policy, steps=2):
    learner = LocalLearner(policy, OptimizerSection(learning_rate=1e-2, warmup_steps=0), steps=4)
    for _ in range(steps):
        learner.accumulate(SEQUENCES, 1.0)
        learner.update()
    return learner


def test_only_adapters_learn_and_without_them_the_policy_is_the_reference(section):
    reference = load_policy(ModelSection(name=section.name))
    policy = load_policy(section)
    frozen = {name: each.clone() for name, each in policy.model.named_parameters() if not each.requires_grad}
    before = sequence_logprobs(reference, SEQUENCES)
    assert torch.allclose(sequence_logprobs(policy, SEQUENCES), before, atol=1e-5)
    learned(policy)
    assert all("lora" in name for name, each in policy.model.named_parameters() if each.requires_grad)
    assert all(torch.equal(frozen[name], each) for name, each in policy.model.named_parameters() if name in frozen)
    assert (sequence_logprobs(policy, SEQUENCES) - before).sum() > 0.01
    off = without_adapter(policy.model)
    assert off is not None
    with off:
        assert torch.allclose(sequence_logprobs(policy, SEQUENCES), before, atol=1e-5)
    assert without_adapter(reference.model) is None


def test_a_checkpoint_holds_the_adapter_alone_and_goes_on_exactly(section, tmp_path):
    policy = load_policy(section)
    learner = learned(policy)
    save_weights(policy.model, tmp_path / "saved")
    policy.tokenizer.save_pretrained(tmp_path / "saved")
    state = copy.deepcopy(learner.state())
    assert (tmp_path / "saved" / "adapter_model.safetensors").exists()
    assert not (tmp_path / "saved" / "model.safetensors").exists()
    resumed = load_policy(section, tmp_path / "saved")
    other = LocalLearner(resumed, OptimizerSection(learning_rate=1e-2, warmup_steps=0), steps=4)
    other.load_state(state)
    for each in (learner, other):
        each.accumulate(SEQUENCES, 1.0)
        each.update()
    assert all(torch.equal(a, b) for a, b in zip(policy.trained, resumed.trained, strict=True))


def test_a_folder_with_an_adapter_alone_is_evaluated_on_its_base(section, tmp_path: Path):
    policy = load_policy(section)
    learned(policy)
    save_weights(policy.model, tmp_path / "saved")
    policy.tokenizer.save_pretrained(tmp_path / "saved")
    evaluated = load_policy(ModelSection(name=str(tmp_path / "saved")))
    assert torch.equal(sequence_logprobs(evaluated, SEQUENCES), sequence_logprobs(policy, SEQUENCES))
