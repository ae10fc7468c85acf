"""Models of the real shapes with random weights: nothing has to be fetched, and speed and memory are the same.

The numbers are those of the published `config.json` files. In a rehearsal every shape is a few layers thin.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.bench import Bench
from training import minicode
from training.models.adapters import new_adapter
from training.models.families import is_encoder_decoder, prepare_checkpointing
from training.models.policy import Policy, load_policy
from training.records import SampleRequest
from training.sections import ModelSection

READY = {
    "apps_codet5_770m": "codet5-770m",
    "apps_codegen_2b": "codegen-2b",
    "mbpp_qwen2.5-coder-0.5b": "qwen-0.5b",
    "mbpp_qwen2.5-coder-7b_lora": "qwen-7b",
}
"""The ready configurations in `examples/configs`, and the shape of the model that each names."""
_QWEN = {
    "qwen-0.5b": (896, 4864, 24, 14, 2, 151_936, True),
    "qwen-1.5b": (1536, 8960, 28, 12, 2, 151_936, True),
    "qwen-7b": (3584, 18_944, 28, 28, 4, 152_064, False),
}
"""Width, feed-forward width, layers, heads, key-value heads, vocabulary, and whether the head is the embedding."""


def config_of(name: str, *, tiny: bool) -> Any:  # noqa: ANN401
    """Return the transformers configuration of a shape."""
    import transformers as hf

    if name == "codet5-770m":
        sizes = {"d_model": 64, "d_ff": 128, "d_kv": 16, "num_layers": 2, "num_heads": 4} if tiny else {
            "d_model": 1024, "d_ff": 4096, "d_kv": 64, "num_layers": 24, "num_heads": 16,
        }  # fmt: skip
        return hf.T5Config(vocab_size=2048 if tiny else 32_100, decoder_start_token_id=0, **sizes)
    if name == "codegen-2b":
        sizes = {"n_embd": 64, "n_layer": 2, "n_head": 4, "rotary_dim": 8} if tiny else {
            "n_embd": 2560, "n_layer": 32, "n_head": 32, "rotary_dim": 64,
        }  # fmt: skip
        return hf.CodeGenConfig(vocab_size=2048 if tiny else 51_200, n_positions=2048, **sizes)
    width, inner, layers, heads, keys, vocabulary, tied = (64, 128, 2, 4, 2, 2048, True) if tiny else _QWEN[name]
    return hf.Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=keys,
        tie_word_embeddings=tied,
    )


def random_policy(bench: Bench, name: str, section: ModelSection, device: str = "") -> Policy:
    """Make a policy of a shape. Its weights are random, the same on every call, and nothing ends its texts."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    described = config_of(name, tiny=bench.rehearse)
    kind = AutoModelForSeq2SeqLM if described.is_encoder_decoder else AutoModelForCausalLM
    torch.manual_seed(0)
    with torch.device(device or bench.device):
        dtype = getattr(torch, section.dtype) if section.lora_rank else torch.float32
        model = kind.from_config(described, dtype=dtype).eval()
    if section.gradient_checkpointing:
        prepare_checkpointing(model)
    if section.lora_rank:
        model = new_adapter(model, section).eval()
    return Policy(model, None, lambda ids: [b"x"] * len(ids), (described.vocab_size,), 0, section)


def shape_folder(bench: Bench, name: str, folder: Path) -> str:
    """Save a shape with the embedded tokenizer, for what loads a folder. Ids beyond the tokenizer's are drawn too."""
    from transformers import AutoTokenizer, Qwen2ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(minicode.checkpoint("short"))
    described = config_of(name, tiny=bench.rehearse)
    described.eos_token_id, described.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    torch.manual_seed(0)
    with torch.device(bench.device):
        Qwen2ForCausalLM(described).save_pretrained(folder / name)
    tokenizer.save_pretrained(folder / name)
    return str(folder / name)


def embedded_policy(device: str, dtype: str = "float32") -> Policy:
    """Load the trained embedded model, whose distributions are sharp as those of real models are."""
    return load_policy(ModelSection.model_validate({"device": device, "dtype": dtype}))


def requests_of(policy: Policy, prompts: int, samples: int, length: int, *, padded: bool = True) -> list[SampleRequest]:
    """Make prompts of `length` tokens; where some are to be `padded`, fewer by one in every second."""
    vocabulary = 1000 if is_encoder_decoder(policy.model) else min(1000, policy.model.config.vocab_size - 2)
    return [
        SampleRequest(
            str(row),
            tuple(2 + (7 * row + 3 * place) % (vocabulary - 2) for place in range(length - (row % 2 if padded else 0))),
            samples,
            (0, row),
        )
        for row in range(prompts)
    ]


def on(policy: Policy, device: str, dtype: str) -> Policy:
    """Return a policy on another device, computed in another type, with the same weights."""
    import copy

    model = copy.deepcopy(policy.model).to(device)
    return replace(policy, model=model, section=policy.section.model_copy(update={"device": device, "dtype": dtype}))
