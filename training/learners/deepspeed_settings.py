"""Load DeepSpeed, and check what Accelerate's configuration of it says."""

from __future__ import annotations

import os
import warnings
from typing import Any

import torch

from engine.extras import needs
from training.errors import ConfigError

_FREE = ("zero_optimization", "steps_per_print")
_UNSET = (None, False, "auto", "none")


def load_deepspeed() -> None:
    """Load DeepSpeed before Accelerate does, so that it compiles nothing.

    Raises:
        ConfigError: it is not installed.
    """
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # it warns where it has to find out
    try:
        import deepspeed
    except ImportError:
        raise ConfigError(f"accelerate is configured for DEEPSPEED: {needs('deepspeed', 'deepspeed')}") from None
    warnings.filterwarnings("ignore", r"`torch\.distributed\.\w+` is deprecated", FutureWarning)  # which it calls
    deepspeed.ops.__compatible_ops__ = {}  # looked at for one only: memory that CPUs share, which needs a compiler


def check_settings(config: dict[str, Any]) -> None:
    """Compare DeepSpeed's configuration with what works here.

    Raises:
        ConfigError: it sets what the run's configuration decides, or asks for another stage or offloading.
    """
    zero = config["zero_optimization"]
    given = {name: value.get("enabled", True) if isinstance(value, dict) else value for name, value in config.items()}
    wrong = [name for name, value in given.items() if name not in _FREE and value not in _UNSET]
    if given.get("gradient_accumulation_steps") == 1:
        wrong.remove("gradient_accumulation_steps")
    if zero.get("stage") not in (1, 2):
        wrong.append(f"stage {zero.get('stage')}")
    wrong += [name for name in ("offload_optimizer", "offload_param") if zero.get(name, {}).get("device") not in _UNSET]
    if wrong:
        raise ConfigError(
            f"deepspeed is configured with {', '.join(wrong)}; allowed here: zero_optimization of stage 1 or 2 without"
            " offloading; the run's configuration decides the rest"
        )
