"""Load the policy, a language model with its tokenizer, ready to sample and to learn."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from feedback import token_bytes
from training import minicode
from training.errors import PolicyError
from training.models.adapters import apply_adapter, base_of_adapter, new_adapter
from training.models.families import check, prepare_checkpointing
from training.models.formats import ProgramFormat
from training.models.tokens import begins_with_blank, check_keeps_programs, end_ids, padding_id
from training.sections import ModelSection

__all__ = ["Policy", "PolicyError", "load_policy", "set_threads"]

_ALLOWED = f"{', '.join(f'embedded:{tier}' for tier in minicode.TIERS)}, a hub name or a folder"


@dataclass(frozen=True, slots=True)
class Policy:
    """A model with its tokenizer. Sampler and learner share its one copy of the weights."""

    model: Any
    tokenizer: Any
    bytes_of: Callable[[Sequence[int]], list[bytes]]
    """Maps token ids to their exact bytes. Special tokens have none."""
    eos_ids: tuple[int, ...]
    pad_id: int
    section: ModelSection = field(default_factory=ModelSection)
    """Its configuration, which says how it is loaded and in which format it reads and writes."""
    leading_blank: bool = False
    """Whether its tokenizer puts a blank before a text that stands alone."""

    @property
    def format(self) -> ProgramFormat:
        """Return the format in which it reads and writes."""
        return ProgramFormat.of(self.section, leading_blank=self.leading_blank)

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        device: torch.device = self.model.device
        return device

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        """Return the weights that learning changes."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def computing(self) -> AbstractContextManager[object]:
        """Return a context that multiplies matrices in the configured type, whatever type the weights have."""
        if self.section.dtype == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.section.dtype))


def set_threads(threads: int, processes: int = 1) -> None:
    """Give torch `threads` threads. 0 means its part of all cores but one, where `processes` share this machine."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads or max(1, (available - 1) // processes))


def resolve(name: str) -> str:
    """Turn a model name into one that transformers takes. `embedded:TIER` becomes the shipped checkpoint's folder."""
    match name.split(":"):
        case ["embedded", ("short" | "long" | "varied" | "uneven") as tier]:
            return str(minicode.checkpoint(tier))
        case ["embedded", *_]:
            raise PolicyError(f"model {name!r}: allowed: {_ALLOWED}")
    if name.startswith(("/", ".", "~")) and not Path(name).is_dir():
        raise PolicyError(f"model {name!r}: no such folder; allowed: {_ALLOWED}")
    return name


def load_policy(section: ModelSection, path: Path | None = None) -> Policy:
    """Load the model and tokenizer that a configuration names, or the ones in `path`, a checkpoint of it.

    Trained weights are float32 whatever the type of the computation, because bfloat16 loses an update of a millionth.
    Frozen weights (under LoRA) have the configured type.

    Raises:
        PolicyError: there is no such model, or it cannot be trained here. The message says why.
    """
    name, adapter = resolve(section.name), None
    if section.lora_rank and path is not None:
        adapter = path
    elif path is not None:
        name = str(path)
    _check_folder(Path(path or name))
    device = section.device if section.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path or name))
        model = _load_model(name, getattr(torch, section.dtype) if section.lora_rank else torch.float32)
    except PolicyError:
        raise
    except Exception as error:  # each library has its own for a damaged file, and tokenizers raises bare ones
        raise PolicyError(f"model {section.name!r}: cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    try:
        model = model.to(device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        message = f"model.device {section.device!r}: cannot be used here; allowed: auto, cpu, cuda, cuda:N: {reason}"
        raise PolicyError(message) from error
    try:
        return _policy(model, tokenizer, section, adapter)
    except PolicyError as error:
        raise error if str(error).startswith("model") else PolicyError(f"model {section.name!r}: {error}") from None


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds no model, or no tokenizer with it, and say what it is instead."""
    if not folder.is_dir():
        return  # a name on the hub
    names = {path.name for path in folder.iterdir()}
    if "config.json" not in names and "adapter_config.json" not in names:
        steps = sorted((folder / "checkpoints").glob("step-*"), key=lambda path: path.stat().st_mtime)
        hint = f"; it is a run: name a checkpoint, as {steps[-1]}" if steps else ""
        raise PolicyError(f"model {str(folder)!r}: no model in it (no config.json){hint}")
    if not any(name.startswith(_TOKENIZERS) for name in names):
        raise PolicyError(f"model {str(folder)!r}: no tokenizer in it (tokenizer.json or the like); save it there too")
    for name in names.intersection(_OBJECTS):  # transformers passes over some that it cannot read
        try:
            whole = isinstance(json.loads((folder / name).read_bytes()), dict)
        except (OSError, ValueError):
            whole = False
        if not whole:
            raise PolicyError(f"model {str(folder)!r}: its {name} is damaged: it is no JSON object")
    if {"vocab.json", "merges.txt"} <= names and "tokenizer.json" not in names:
        _check_merges(folder)


def _check_merges(folder: Path) -> None:
    """Refuse merges that were cut. A tokenizer without them writes the same texts in more and shorter tokens."""
    try:
        lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
        pieces = dict(json.loads((folder / "vocab.json").read_bytes()))
    except (OSError, TypeError, ValueError):
        return  # loading says what is wrong with it
    merged = {piece for piece in pieces if len(piece) > 1 and not re.fullmatch(r"<.*>|\[.*\]", piece)}
    lost = merged - {line.strip().replace(" ", "") for line in lines}
    if len(lost) > _UNMERGED * len(merged):
        raise PolicyError(
            f"model {str(folder)!r}: its merges.txt is damaged: {len(lost)} of the {len(merged)} longer pieces in"
            " vocab.json are made by none of its lines"
        )


_UNMERGED = 0.02
"""Share of the longer pieces that a whole tokenizer may have beside those that merges make (`madeupword0001`)."""
_OBJECTS = ("config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json", "adapter_config.json")
_TOKENIZERS = ("tokenizer", "vocab", "spiece", "sentencepiece", "merges", "tekken")


def _load_model(name: str, dtype: torch.dtype) -> Any:  # noqa: ANN401
    transformers_logging.disable_progress_bar()  # loading and saving are not the run's progress
    if (base := base_of_adapter(Path(name))) is not None:  # a checkpoint with an adapter alone
        try:
            whole = _load_model(base, dtype)
        except (OSError, ValueError) as error:
            raise PolicyError(
                f"model {name!r}: is an adapter of {base!r}, which cannot be loaded from {Path.cwd()}:"
                f" {' '.join(str(error).split())[:200]}"
            ) from None
        return apply_adapter(whole, Path(name))
    config = AutoConfig.from_pretrained(name)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model, found = kind.from_pretrained(name, dtype=dtype, output_loading_info=True)
    if missing := sorted(found["missing_keys"]):  # they would be random
        raise PolicyError(
            f"model {name!r}: its weights are another model's or damaged: {missing[0]} and others are missing"
        )
    return model


def _policy(model: Any, tokenizer: Any, section: ModelSection, adapter: Path | None) -> Policy:  # noqa: ANN401
    model.eval()  # no dropout: samples and gradients come from the same distribution
    check(model)
    try:
        bytes_of = token_bytes(tokenizer, continues=not model.config.is_encoder_decoder)
    except ValueError as error:
        raise PolicyError(str(error)) from None
    check_keeps_programs(tokenizer, bytes_of)
    eos_ids = end_ids(model, tokenizer)
    blank = begins_with_blank(tokenizer, bytes_of)
    if section.gradient_checkpointing:
        prepare_checkpointing(model)
    if section.lora_rank:
        model = (apply_adapter(model, adapter) if adapter else new_adapter(model, section)).eval()
    return Policy(model, tokenizer, bytes_of, eos_ids, padding_id(model, tokenizer), section, blank)
