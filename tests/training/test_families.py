"""Every family of models is sampled and learned from alike: tiny random ones, loaded as the hub would give them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.training.families import CODE, FAMILIES, build
from training.config import ModelSection
from training.errors import PolicyError
from training.models.batching import sequence_logprobs
from training.models.families import network
from training.models.forward import response_logprobs
from training.models.policy import load_policy
from training.models.prompts import encode_completion
from training.records import SampleRequest, WeightedSequence
from training.samplers.transformers import TransformersSampler
from training.seeds import request_seed

pytestmark = pytest.mark.slow

TEXTS = ["print the sum\n", "read a list of numbers and then print the largest of all of them, nothing else\n", "x\n"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("families")
    return {family: build(family, root / family) for family in FAMILIES}


@pytest.fixture(scope="module", params=FAMILIES)
def policy(request, folders):
    return load_policy(ModelSection(name=str(folders[request.param])))


def sampled(policy, tokens=8, batch_size=64, samples=3):
    requests = [
        SampleRequest(f"p{i}", tuple(policy.tokenizer(text)["input_ids"]), samples, request_seed(0, 1, f"p{i}"))
        for i, text in enumerate(TEXTS)
    ]
    batches = TransformersSampler(policy, tokens, batch_size).sample(requests)
    return {(rollout.problem_id, rollout.sample): rollout for batch in batches for rollout in batch}


def weighted(rollouts):
    generator = np.random.default_rng(0)
    return [
        WeightedSequence(each.prompt_ids, each.token_ids, generator.normal(size=len(each.token_ids)).astype(np.float32))
        for each in rollouts
    ]


def gradient(policy, batches):
    policy.model.zero_grad()
    for batch in batches:
        weights = [torch.from_numpy(each.weights) for each in batch]
        loss = (sequence_logprobs(policy, batch) * torch.nn.utils.rnn.pad_sequence(weights, batch_first=True)).sum()
        loss.backward()
    return torch.cat([each.grad.flatten() for each in policy.trained if each.grad is not None])


def whole_model_logprobs(policy, rollout):
    """By the model's own forward pass, one text at a time, unpadded, every logit."""
    model, ids = network(policy.model), torch.tensor([rollout.token_ids])
    if model.config.is_encoder_decoder:
        start = torch.tensor([[model.config.decoder_start_token_id]])
        written = torch.cat([start, ids[:, :-1]], dim=1)
        logits = model(input_ids=torch.tensor([rollout.prompt_ids]), decoder_input_ids=written).logits
    else:
        logits = model(torch.tensor([[*rollout.prompt_ids, *rollout.token_ids]])).logits
        logits = logits[:, len(rollout.prompt_ids) - 1 : -1]
    return torch.log_softmax(logits, -1).gather(2, ids[..., None])[0, :, 0].tolist()


def test_sampler_learner_and_the_whole_model_agree_on_every_logprob(policy):
    rollouts = list(sampled(policy).values())
    together = sequence_logprobs(policy, weighted(rollouts))
    with torch.no_grad():
        for row, rollout in enumerate(rollouts):
            expected = pytest.approx(whole_model_logprobs(policy, rollout), abs=1e-4)
            assert list(rollout.logprobs) == expected
            assert together[row, : len(rollout.token_ids)].tolist() == expected


def test_a_sample_does_not_depend_on_the_prompts_beside_it(policy):
    together, apart = sampled(policy), sampled(policy, batch_size=1, samples=3)
    assert {key: each.token_ids for key, each in together.items()} == {
        key: each.token_ids for key, each in apart.items()
    }


def test_the_gradient_is_the_same_with_prompts_shared_or_apart(policy):
    sequences = weighted(sampled(policy).values())
    shared, apart = gradient(policy, [sequences]), gradient(policy, [[each] for each in sequences])
    assert torch.allclose(shared, apart, atol=1e-4)
    assert shared.abs().max() > 1e-3


def test_references_are_exact_bytes_that_end(policy):
    for text in CODE:
        ids = encode_completion(policy, text)
        assert b"".join(policy.bytes_of(ids)) == text.encode()
        assert ids[-1] in policy.eos_ids


@pytest.mark.parametrize("family", ["codet5", "codegen", "qwen2"])
def test_gradient_checkpointing_computes_layers_again_and_changes_nothing_else(folders, family):
    plain, checkpointed = (
        load_policy(ModelSection(name=str(folders[family]), gradient_checkpointing=on)) for on in (False, True)
    )
    before = sampled(plain)
    assert sampled(checkpointed) == before
    norms = [each for each in checkpointed.model.modules() if "Norm" in type(each).__name__]
    calls = []
    norms[0].register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    sequences = weighted(before.values())
    assert torch.allclose(gradient(plain, [sequences]), gradient(checkpointed, [sequences]), atol=1e-4)
    assert len(calls) == 2


@pytest.mark.parametrize("family", ["codet5", "qwen2"])
def test_chunks_through_the_head_change_neither_logprobs_nor_entropy_nor_gradient(folders, family, monkeypatch):
    policy = load_policy(ModelSection(name=str(folders[family])))
    sequences = weighted(sampled(policy).values())
    prompts, responses = [each.prompt_ids for each in sequences], [each.token_ids for each in sequences]
    results = []
    for numbers in (1 << 30, 7 * 520):  # all at once, or seven tokens at a time
        monkeypatch.setattr("training.models.forward.CHUNK", numbers)
        policy.model.zero_grad()
        logprobs, entropy = response_logprobs(policy, prompts, responses, entropy=True)
        (logprobs.sum() + 3 * entropy.sum()).backward()
        results.append((logprobs, entropy, torch.cat([each.grad.flatten() for each in policy.trained])))
    for whole, chunked in zip(*results, strict=True):
        assert torch.allclose(whole, chunked, atol=1e-4)


def test_entropy_is_that_of_the_distribution_the_token_was_drawn_from(folders):
    policy = load_policy(ModelSection(name=str(folders["qwen2"])))
    prompt = tuple(policy.tokenizer(TEXTS[0])["input_ids"])
    _, entropy = response_logprobs(policy, [prompt], [(5,)], entropy=True)
    probabilities = torch.softmax(policy.model(torch.tensor([prompt])).logits[0, -1], -1)
    assert entropy[0, 0].item() == pytest.approx(-(probabilities * probabilities.log()).sum().item(), abs=1e-5)


def test_bfloat16_keeps_float32_weights_and_logprobs_close_to_the_samplers(folders):
    policy = load_policy(ModelSection(name=str(folders["qwen2"]), dtype="bfloat16"))
    assert {each.dtype for each in policy.trained} == {torch.float32}
    rollouts = list(sampled(policy).values())
    logprobs = sequence_logprobs(policy, weighted(rollouts))
    assert logprobs.dtype == torch.float32
    for row, rollout in enumerate(rollouts):
        assert logprobs[row, : len(rollout.token_ids)].tolist() == pytest.approx(rollout.logprobs, abs=0.05)


def test_a_model_that_does_more_to_its_logits_than_its_head_is_refused(folders, monkeypatch):
    from transformers import GPT2LMHeadModel

    forward = GPT2LMHeadModel.forward

    def sharpened(self, *inputs, **options):
        output = forward(self, *inputs, **options)
        output.logits = output.logits * 5 + torch.arange(output.logits.shape[-1])
        return output

    monkeypatch.setattr(GPT2LMHeadModel, "forward", sharpened)
    with pytest.raises(PolicyError, match="more to its logits than its head"):
        load_policy(ModelSection(name=str(folders["gpt2"])))


def test_a_tokenizer_that_loses_line_breaks_is_refused(folders, tmp_path):
    import shutil

    from tokenizers import Tokenizer, normalizers

    shutil.copytree(folders["code_llama"], tmp_path / "t5")
    file = tmp_path / "t5" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("\n", " "), tokenizer.normalizer])
    tokenizer.save(str(file))
    config = (tmp_path / "t5" / "tokenizer_config.json").read_text()
    (tmp_path / "t5" / "tokenizer_config.json").write_text(config.replace("CodeLlamaTokenizer", "TokenizersBackend"))
    with pytest.raises(PolicyError, match="loses line breaks"):
        load_policy(ModelSection(name=str(tmp_path / "t5")))
