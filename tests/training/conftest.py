"""A tiny random policy with the embedded tokenizer: real transformers code, no downloads."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def tiny_policy():
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from feedback import token_bytes
    from training import minicode
    from training.models.policy import Policy

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(minicode.checkpoint("short"))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config).eval()
    return Policy(
        model, tokenizer, token_bytes(tokenizer, continues=True), (tokenizer.eos_token_id,), tokenizer.pad_token_id
    )


@pytest.fixture(scope="session")
def encoder_decoder_policy(tiny_policy):
    """The same as T5 builds it: one that reads with an encoder."""
    from dataclasses import replace

    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(1)
    size = len(tiny_policy.tokenizer)
    config = T5Config(vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0)
    return replace(tiny_policy, model=T5ForConditionalGeneration(config).eval())
