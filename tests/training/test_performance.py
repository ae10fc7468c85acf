"""How well a step used the machine, by hand for a small model; and metrics in a real TensorBoard file."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.families import build
from training.config import ConfigError, ModelSection, TrainConfig
from training.models.batching import batch_tokens
from training.models.performance import Performance, Tokens, measured_peak
from training.models.policy import load_policy
from training.records import WeightedSequence
from training.run.store import RunStore
from training.run.tracking import open_tracking


def test_operations_are_two_for_each_weight_of_each_matrix_and_token(tiny_policy):
    layer = 4 * 32 * 32 + 3 * 32 * 64
    body, head = 2 * layer, 32 * tiny_policy.model.config.vocab_size
    performance = Performance(tiny_policy, peak_tflops=1e-6)
    assert performance.forward(Tokens(10, 7)) == 2 * (17 * body + 7 * head)
    metrics = performance.metrics(Tokens(10, 7), Tokens(10, 7), seconds=2.0, sampling_seconds=0.5)
    assert metrics["flops_utilisation"] == pytest.approx(4 * performance.forward(Tokens(10, 7)) / 2.0 / 1e6)
    assert (metrics["tokens_per_second"], metrics["tokens_per_second/sampling"]) == (3.5, 14)
    assert 0.01 < metrics["memory/peak_gib"] < 64


def test_an_encoder_reads_and_a_decoder_writes(tmp_path):
    policy = load_policy(ModelSection(name=str(build("codet5", tmp_path))))
    performance = Performance(policy, peak_tflops=1.0)
    encoder = 2 * (4 * 32 * 32 + 2 * 32 * 48)
    assert performance.forward(Tokens(1, 0)) == 2 * encoder
    assert performance.forward(Tokens(0, 1)) == 2 * (2 * (8 * 32 * 32 + 2 * 32 * 48) + 32 * 520)


def test_the_devices_peak_is_measured_where_it_is_not_given(tiny_policy):
    assert 1e8 < measured_peak(tiny_policy) < 1e14


def test_padding_counts_a_shared_prompt_once():
    def sequence(prompt, tokens):
        return WeightedSequence((prompt,) * 4, tuple(range(tokens)), np.ones(tokens, np.float32))

    group = [sequence(1, 2), sequence(1, 6), sequence(2, 6)]
    assert batch_tokens(group, shared=True) == (8, 14, 2 * 4 + 3 * 6)
    assert batch_tokens(group, shared=False) == (12, 14, 3 * 10)


def test_metrics_are_in_a_tensorboard_file_and_a_resumed_run_goes_on_in_it(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = TrainConfig.load(overrides={"run.track": "tensorboard"})
    for begun, steps in ((0, (0, 1, 2, 3)), (2, (3, 4))):
        track, end = open_tracking(config, tmp_path, begun)
        store = RunStore(tmp_path, track)
        for step in steps:
            store.write(step, {"pass_rate": step / 10 + begun})
        store.close()
        end()
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    found = {each.step: each.value for each in read.Scalars("pass_rate")}
    assert found == pytest.approx({0: 0.0, 1: 0.1, 2: 0.2, 3: 2.3, 4: 2.4})


def test_a_tracker_without_its_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"run\.track 'wandb'.*pip install wandb"):
        open_tracking(TrainConfig.load(overrides={"run.track": "wandb"}), tmp_path, 0)
