"""Make the optimizer that a configuration asks for."""

from __future__ import annotations

import torch

from engine.extras import needs
from training.errors import ConfigError
from training.sections import OptimizerSection


def make_optimizer(parameters: list[torch.nn.Parameter], section: OptimizerSection) -> torch.optim.Optimizer:
    """Make AdamW. With `optimizer.eight_bit` its moments take one byte each (bitsandbytes, Dettmers et al. 2022).

    Raises:
        ConfigError: eight-bit AdamW is configured where it cannot work.
    """
    options = {
        "lr": section.learning_rate,
        "betas": (section.beta1, section.beta2),
        "weight_decay": section.weight_decay,
    }
    if not section.eight_bit:
        return torch.optim.AdamW(parameters, **options)  # type: ignore[arg-type]
    if not all(parameter.is_cuda for parameter in parameters):
        raise ConfigError("optimizer.eight_bit: works on an NVIDIA GPU only, and the weights are not on one")
    try:
        import bitsandbytes
    except ImportError:
        raise ConfigError(f"optimizer.eight_bit: {needs('bitsandbytes', 'eight-bit')}") from None
    optimizer: torch.optim.Optimizer = bitsandbytes.optim.AdamW8bit(parameters, **options)
    return optimizer
