"""Estimate the device memory that a run's model needs, from parameter counts and lengths.

The parts are what torch keeps at the same time. Weights with their gradients and moments are there all along. Caches
and logits come beside them while sampling, and activations and a chunk of logits while learning.
tests/training/test_memory.py compares the sum with measured peaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from training.config import TrainConfig
from training.models.forward import CHUNK

_HALF, _FULL, _DOUBLE = 2, 4, 8
_DRAWING = 6 * _FULL
"""Bytes per vocabulary entry while a token is drawn: logits, probabilities and their cumulative sum, twice."""
_CHUNK_COPIES = 5
"""Bytes per logit of a chunk, with those that its log-sum-exp and choice need in the backward pass."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that the estimate reads from a model's configuration."""

    parameters: int
    adapter: int
    """Parameters of a LoRA adapter on every linear layer, or 0 without one."""
    layers: int
    """Number of layers of the decoder."""
    encoder_layers: int
    width: int
    inner: int
    """Width of the feed-forward layers."""
    keys: int
    """Width of a layer's keys, and of its values."""
    heads: int
    vocabulary: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate in bytes. `peak` is the fixed part plus the larger of the two phases."""

    weights: int
    gradients: int
    moments: int
    reference: int
    sampling: int
    learning: int

    @property
    def peak(self) -> int:
        """Return the maximum in use at one time."""
        return self.weights + self.gradients + self.moments + self.reference + max(self.sampling, self.learning)


def shape_of(model_config: Any, lora_rank: int = 0) -> Shape:  # noqa: ANN401
    """Count the parameters of a configuration on the meta device, where nothing is downloaded or allocated."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind = AutoModelForSeq2SeqLM if model_config.is_encoder_decoder else AutoModelForCausalLM
    with torch.device("meta"):
        model = kind.from_config(model_config)
        model.tie_weights()  # older transformers leave it to whoever loads weights
    head = model.get_output_embeddings()
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear) and module is not head]
    width = model_config.hidden_size
    heads = model_config.num_attention_heads
    head_width = getattr(model_config, "head_dim", None) or getattr(model_config, "d_kv", None) or width // heads
    inner = next(
        (found for name in ("intermediate_size", "d_ff", "n_inner") if (found := getattr(model_config, name, None))),
        4 * width,
    )
    return Shape(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        adapter=sum(lora_rank * (layer.in_features + layer.out_features) for layer in linear),
        layers=getattr(model_config, "num_decoder_layers", None) or model_config.num_hidden_layers,
        encoder_layers=model_config.num_hidden_layers if model_config.is_encoder_decoder else 0,
        width=width,
        inner=inner,
        keys=head_width * (getattr(model_config, "num_key_value_heads", None) or heads),
        heads=heads,
        vocabulary=head.weight.shape[0],
    )


def estimate(config: TrainConfig, shape: Shape, prompt_tokens: int) -> Estimate:
    """Estimate the bytes of each part.

    Args:
        config: The run's configuration.
        shape: The model's numbers.
        prompt_tokens: Length of the longest prompt, which `model.max_prompt_tokens` bounds where it is set.
    """
    number = _FULL if config.model.dtype == "float32" else _HALF
    trained = shape.adapter or shape.parameters
    cast = _HALF if number == _HALF and not shape.adapter else 0  # autocast keeps a copy of float32 weights
    prompt = min(prompt_tokens, config.model.max_prompt_tokens or prompt_tokens)
    frozen = shape.parameters * number if shape.adapter else 0
    reference = 0 if shape.adapter or not config.objective.keeps_reference else shape.parameters * (_FULL + cast)
    return Estimate(
        weights=frozen + trained * (_FULL + cast),
        gradients=trained * _FULL,
        moments=trained * (_HALF if config.optimizer.eight_bit else _DOUBLE),
        reference=reference,
        sampling=_sampling(config, shape, prompt, _FULL if cast else number),
        learning=_learning(config, shape, prompt, number),
    )


def _sampling(config: TrainConfig, shape: Shape, prompt: int, number: int) -> int:
    rows, longest = config.sampler.batch_size, config.sampler.max_new_tokens
    return rows * ((prompt + longest) * shape.layers * 2 * shape.keys * number + shape.vocabulary * _DRAWING)


def _learning(config: TrainConfig, shape: Shape, prompt: int, number: int) -> int:
    """Estimate the activations of one micro-batch, and the memory of its logits."""
    response, checkpointing = config.sampler.max_new_tokens, config.model.gradient_checkpointing
    shared = 1 if checkpointing and not shape.encoder_layers else config.sampler.samples_per_problem
    tokens = prompt / shared + response  # tokens computed for a response, with its share of the prompt
    rows = max(1, int(config.optimizer.micro_batch_tokens / tokens))
    read, written = int(rows * prompt / shared), rows * response
    layer = number * (8 * shape.width + 4 * shape.keys + 4 * shape.inner)
    if number == _HALF and not shape.adapter:  # float32 weights: the stream between layers is float32 too
        layer += 6 * shape.width * _FULL
    if shape.encoder_layers:  # tokens pass one half of the model; attention scores are kept
        tokens = read * shape.encoder_layers + written * shape.layers
        layer += number * shape.heads * max(prompt, response)
    else:
        tokens = (read + written) * shape.layers
    kept = tokens * (shape.width * _FULL if checkpointing else layer)
    once = (read + written) * layer if checkpointing else 0
    logits = min(written * shape.vocabulary, max(CHUNK, shape.vocabulary))
    return kept + once + logits * _FULL * _CHUNK_COPIES
