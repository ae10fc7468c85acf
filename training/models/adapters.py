"""LoRA through peft trains few numbers beside frozen weights. Without its adapter the policy is the reference model.

The adapter is never merged during training. Samples and gradients come from the same, unmerged weights.
"""

from __future__ import annotations

import copy
import json
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

from engine.extras import needs
from training.errors import PolicyError
from training.sections import ModelSection

_FILE = "adapter_config.json"


def new_adapter(model: Any, section: ModelSection) -> Any:  # noqa: ANN401
    """Put a fresh adapter on all linear layers and freeze the model's own weights. The outputs do not change yet.

    Raises:
        PolicyError: peft is not installed.
    """
    task = "SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM"
    config = _peft().LoraConfig(
        r=section.lora_rank,
        lora_alpha=section.lora_alpha or 2 * section.lora_rank,
        target_modules="all-linear",
        task_type=task,
    )
    return _peft().get_peft_model(model, config)


def apply_adapter(model: Any, folder: Path) -> Any:  # noqa: ANN401
    """Put the adapter in a folder on the model, to be trained further.

    Raises:
        PolicyError: it lacks some of its weights, which would be random.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Found missing adapter keys")
        try:
            return _peft().PeftModel.from_pretrained(model, str(folder), is_trainable=True)
        except UserWarning as warning:
            raise PolicyError(f"model {str(folder)!r}: its adapter is damaged: {str(warning)[:200]}") from None


def base_of_adapter(folder: Path) -> str | None:
    """Return the name of the model that an adapter in this folder belongs to, or None where there is no adapter."""
    file = folder / _FILE
    return str(json.loads(file.read_text())["base_model_name_or_path"]) if file.exists() else None


def has_adapter(model: Any) -> bool:  # noqa: ANN401
    """Say whether an adapter is trained."""
    return hasattr(model, "disable_adapter")


def without_adapter(model: Any) -> AbstractContextManager[None] | None:  # noqa: ANN401
    """Return a context in which the model is as it was before training, or None where it has no adapter."""
    return model.disable_adapter() if has_adapter(model) else None


def merged_copy(model: Any) -> Any:  # noqa: ANN401
    """Copy the model with its adapter, if it has one, merged into the copy's weights."""
    copied = copy.deepcopy(model)
    return copied.merge_and_unload() if hasattr(copied, "merge_and_unload") else copied


def save_weights(model: Any, folder: Path) -> None:  # noqa: ANN401
    """Save all weights, or the adapter's alone."""
    if has_adapter(model):
        model.save_pretrained(folder, save_embedding_layers=False)  # looks for the base model on the hub otherwise
    else:
        model.save_pretrained(folder)


def save_rounded(model: Any, folder: Path, dtype: torch.dtype) -> None:  # noqa: ANN401
    """Save the weights in the type of the computation, for readers such as servers. An adapter is saved as it is."""
    if has_adapter(model) or dtype == torch.float32:
        save_weights(model, folder)
        return
    rounded: dict[int, torch.Tensor] = {}  # by address, so that tied weights stay tied
    for tensor in model.state_dict().values():
        rounded.setdefault(tensor.data_ptr(), tensor.to(dtype).cpu())
    state = {name: rounded[tensor.data_ptr()] for name, tensor in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=state)


def _peft() -> Any:  # noqa: ANN401
    try:
        import peft
    except ImportError:
        raise PolicyError(f"model.lora_rank: {needs('peft', 'lora')}") from None
    return peft
