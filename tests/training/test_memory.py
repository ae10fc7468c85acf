"""The memory estimate against what torch really allocates, for small models on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training.cli import main
from training.config import TrainConfig
from training.learners.local import LocalLearner
from training.models.adapters import new_adapter
from training.models.families import prepare_checkpointing
from training.models.policy import Policy
from training.records import SampleRequest, WeightedSequence
from training.run.memory import estimate, shape_of
from training.samplers.transformers import TransformersSampler

CONFIGS = sorted(Path("examples/configs").glob("*.toml"))
READY = [path for path in CONFIGS if not path.stem.startswith("minicode")]
PROMPT, RESPONSE, GROUP, PROBLEMS = 32, 40, 4, 4
SETTINGS = {
    "sampler.max_new_tokens": RESPONSE,
    "sampler.batch_size": GROUP * PROBLEMS,
    "sampler.samples_per_problem": GROUP,
    "optimizer.micro_batch_tokens": PROBLEMS * (PROMPT + GROUP * RESPONSE),
}


def model_config(family):
    import transformers as hf

    sizes = {"hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4}
    match family:
        case "llama":
            return hf.LlamaConfig(vocab_size=1000, **sizes)
        case "qwen2":
            return hf.Qwen2Config(vocab_size=60_000, **sizes, num_key_value_heads=2, tie_word_embeddings=True)
        case "codet5":
            own = {"d_model": 96, "d_ff": 384, "d_kv": 24, "num_layers": 3, "num_heads": 4}
            return hf.T5Config(vocab_size=1000, **own, decoder_start_token_id=0)
        case _:
            own = {"n_embd": 96, "n_layer": 4, "n_head": 4, "rotary_dim": 8, "n_positions": 128}
            return hf.CodeGenConfig(vocab_size=1000, **own, bos_token_id=1, eos_token_id=1)


def allocated(action):
    """The most that torch had allocated during an action beyond what it had before, in bytes."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        action()
    events = [each for each in profile.profiler.kineto_results.events() if each.name() == "[memory]"]
    changes = [each.nbytes() for each in sorted(events, key=lambda each: each.start_ns())]
    return int(np.cumsum(changes).max())


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("llama", {}),
        ("llama", {"model.lora_rank": 4}),
        ("llama", {"model.dtype": "bfloat16"}),
        ("llama", {"model.gradient_checkpointing": True}),
        ("qwen2", {}),
        ("codet5", {}),
        ("codegen", {}),
    ],
)
def test_the_estimate_is_the_peak_or_up_to_half_more(family, options):
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    config, described = TrainConfig.load(overrides={**SETTINGS, **options}), model_config(family)
    shape = shape_of(described, config.model.lora_rank)
    kind = AutoModelForSeq2SeqLM if described.is_encoder_decoder else AutoModelForCausalLM
    model = kind.from_config(described).eval()
    assert shape.parameters == sum(each.numel() for each in model.parameters())
    if config.model.gradient_checkpointing:
        prepare_checkpointing(model)
    if config.model.lora_rank:
        model = new_adapter(model, config.model).eval()
        assert shape.adapter == sum(each.numel() for each in model.parameters() if each.requires_grad)
    policy = Policy(model, None, lambda _: [], (described.vocab_size,), 0, config.model)
    learner = LocalLearner(policy, config.optimizer, steps=9)
    requests = [SampleRequest(str(i), tuple(range(1 + i, 1 + i + PROMPT)), GROUP, (0, i)) for i in range(PROBLEMS)]
    rollouts = []
    sampler = TransformersSampler(policy, RESPONSE, GROUP * PROBLEMS)
    sampling = allocated(lambda: rollouts.extend(each for batch in sampler.sample(requests) for each in batch))
    sequences = [
        WeightedSequence(each.prompt_ids, each.token_ids, np.ones(len(each.token_ids), np.float32)) for each in rollouts
    ]
    learner.accumulate(sequences[:1], 1.0)
    learner.update()  # the moments are there from now on

    def learn():
        learner.accumulate(sequences, 1.0)
        learner.update()

    learning = allocated(learn)
    held = sum(each.numel() * each.element_size() for each in policy.model.parameters())
    held += sum(each.numel() * 8 for each in policy.trained)
    found = estimate(config, shape, PROMPT)
    assert 0.95 <= found.peak / (held + max(sampling, learning)) <= 1.5


def test_eight_bit_moments_and_a_frozen_reference_are_counted():
    shape = shape_of(model_config("llama"))
    plain, small, compared = (
        estimate(TrainConfig.load(overrides=own), shape, 32)
        for own in ({}, {"optimizer.eight_bit": True}, {"objective.kl": 0.1})
    )
    assert (plain.moments, small.moments) == (8 * shape.parameters, 2 * shape.parameters)
    assert (plain.reference, compared.reference) == (0, 4 * shape.parameters)


def published(name):
    """What the hub's config.json of a model says, as far as the estimate reads it."""
    import transformers as hf

    match name:
        case "Salesforce/codet5-large-ntp-py":
            own = {"d_model": 1024, "d_ff": 4096, "d_kv": 64, "num_layers": 24, "num_heads": 16}
            return hf.T5Config(vocab_size=32100, **own, decoder_start_token_id=0)
        case "Salesforce/codegen-2B-mono":
            own = {"n_embd": 2560, "n_layer": 32, "n_head": 32, "rotary_dim": 64}
            return hf.CodeGenConfig(vocab_size=51200, **own)
        case "Qwen/Qwen2.5-Coder-0.5B-Instruct":
            own = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24}
            heads = {"num_attention_heads": 14, "num_key_value_heads": 2}
            return hf.Qwen2Config(vocab_size=151_936, **own, **heads, tie_word_embeddings=True)
        case "Qwen/Qwen2.5-Coder-7B-Instruct":
            own = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28}
            heads = {"num_attention_heads": 28, "num_key_value_heads": 4}
            return hf.Qwen2Config(vocab_size=152_064, **own, **heads, tie_word_embeddings=False)
    raise AssertionError(name)


@pytest.mark.parametrize("file", READY, ids=lambda path: path.stem)
def test_a_ready_configuration_says_how_much_memory_it_needs(file):
    config = TrainConfig.load(file)
    shape = shape_of(published(config.model.name), config.model.lora_rank)
    found = estimate(config, shape, config.model.max_prompt_tokens)
    assert f"# GPU memory: about {found.peak / 2**30:.0f} GiB" in file.read_text()


@pytest.mark.parametrize("file", CONFIGS, ids=lambda path: path.stem)
def test_every_ready_configuration_is_valid(file):
    TrainConfig.load(file)


def test_doctor_estimates_a_configuration(tmp_path, capsys):
    file = tmp_path / "c.toml"
    file.write_text('[model]\nname = "embedded:long"\n')
    assert main(["doctor", "--config", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "peak" in printed
    assert "embedded:long: 0.9 million weights" in printed
    file.write_text('[model]\nname = "/no/such"\n')
    assert main(["doctor", "--config", str(file)]) == 2
    assert "/no/such" in capsys.readouterr().err
