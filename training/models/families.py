"""Find the parts of a Hugging Face language model: its body, its head, its encoder, its first decoder token.

No family is known by name here. A model's own attributes and configuration say what it is. When a model is loaded,
`check` compares the parts with the whole, so a family that is put together in another way is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from training.errors import PolicyError

_CHECKED_TOKENS = 5


def network(model: Any) -> Any:  # noqa: ANN401
    """Return the transformers model itself, without an adapter's wrapper. Its adapted layers stay in place."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def is_encoder_decoder(model: Any) -> bool:  # noqa: ANN401
    """Say whether an encoder reads the prompts (CodeT5), or the decoder itself (CodeGen, Llama, Qwen)."""
    return bool(network(model).config.is_encoder_decoder)


def start_id(model: Any) -> int:  # noqa: ANN401
    """Return the id that an encoder-decoder model's own text starts from. For T5 it is the padding token.

    Raises:
        PolicyError: its configuration names none.
    """
    inner = network(model)
    for config in (inner.generation_config, inner.config):
        found = getattr(config, "decoder_start_token_id", None)
        if found is not None:
            return int(found)
    raise PolicyError("its configuration has no decoder_start_token_id")


def run_body(
    model: Any,  # noqa: ANN401
    ids: torch.Tensor,
    cache: Any = None,  # noqa: ANN401
    **inputs: Any,  # noqa: ANN401
) -> tuple[torch.Tensor, Any]:
    """Run the decoder. Returns its final states [B, T, H], as its head takes them, and its cache."""
    inner = network(model)
    body = inner.get_decoder()
    given = {} if cache is None else {_cache_name(type(body).forward): cache}
    output = body(input_ids=ids, **given, **inputs)
    states = output.last_hidden_state
    if getattr(inner.config, "scale_decoder_outputs", False):  # T5 with a tied head
        states = states * inner.config.d_model**-0.5
    return states, output.cache if hasattr(output, "cache") else output.past_key_values


@lru_cache
def _cache_name(forward: Callable[..., object]) -> str:
    """Name the parameter that takes a cache. It is `cache` in transformers from 5.24 on, not in all custom code."""
    return "cache" if "cache" in inspect.signature(forward).parameters else "past_key_values"


def run_encoder(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """Run the encoder. Returns its states [B, P, H]."""
    states: torch.Tensor = network(model).get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    return states


def run_head(model: Any, states: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """Run the head on states. Returns logits, float32 [..., vocabulary]."""
    inner = network(model)
    logits: torch.Tensor = inner.get_output_embeddings()(states).float()
    if cap := getattr(inner.config, "final_logit_softcapping", None):  # Gemma 2
        logits = cap * torch.tanh(logits / cap)
    if scale := getattr(inner.config, "logit_scale", None):  # Cohere
        logits = logits * scale
    if divisor := getattr(inner.config, "logits_scaling", None):  # Granite
        logits = logits / divisor
    return logits


@contextmanager
def checkpointed_layers(model: Any) -> Iterator[None]:  # noqa: ANN401
    """Make layers keep only their inputs for the backward pass. Call `prepare_checkpointing` first.

    transformers checkpoints in training mode only. That mode is set on the layers alone here, so nothing inside them
    drops anything out, and samples and gradients come from the same distribution.
    """
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False


def prepare_checkpointing(model: Any) -> None:  # noqa: ANN401
    """Prepare a model for `checkpointed_layers`.

    Raises:
        PolicyError: the family has no layers that support it.
    """
    inner = network(model)
    layers = [module for module in inner.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise PolicyError(f"model.gradient_checkpointing: {type(inner).__name__} has no layers that can")
    enable = getattr(inner, "activation_checkpointing_enable", None) or inner.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    for layer in layers:
        for name in ("dropout", "activation_dropout"):  # used by the layer itself (OPT, BART)
            if isinstance(getattr(layer, name, None), float):
                setattr(layer, name, 0.0)


@torch.no_grad()
def check(model: Any) -> None:  # noqa: ANN401
    """Compare body and head with the whole model on a few tokens.

    Raises:
        PolicyError: the model's logits are no numbers, or differ from its head's output on its body's states.
    """
    inner = network(model)
    if inner.get_output_embeddings() is None:
        raise PolicyError(f"{type(inner).__name__} has no language-model head")
    ids = torch.arange(1, _CHECKED_TOKENS + 1, device=inner.device)[None]
    if is_encoder_decoder(model):
        start = torch.tensor([[start_id(model)]], device=inner.device)
        whole = inner(input_ids=ids, decoder_input_ids=start, use_cache=False).logits
        encoded = run_encoder(model, ids, torch.ones_like(ids))
        states, _ = run_body(
            model, start, encoder_hidden_states=encoded, encoder_attention_mask=torch.ones_like(ids), use_cache=False
        )
    else:
        whole = inner(input_ids=ids, use_cache=False).logits
        states, _ = run_body(model, ids, use_cache=False)
    if torch.isnan(whole).any():
        raise PolicyError("its weights are damaged: they give logits that are not numbers")
    if not torch.allclose(run_head(model, states), whole.float(), atol=1e-2, rtol=1e-2):
        raise PolicyError(f"{type(inner).__name__} does more to its logits than its head does: not supported")
