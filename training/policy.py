"""The policy: a causal language model with its tokenizer, and the prompts it reads.

What this module does not do: generate or learn. Everything that depends on a model's family belongs here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from engine import Problem
from feedback import token_bytes
from training import minicode
from training.config import ModelSection
from training.prompts import FORMATS


class PolicyError(ValueError):
    """The model cannot be loaded, or a prompt format is malformed."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One weight copy, shared by sampler and learner."""

    model: Any
    tokenizer: Any
    bytes_of: Callable[[Sequence[int]], list[bytes]]
    """Exact bytes of each token id; special tokens are empty."""
    eos_ids: tuple[int, ...]
    pad_id: int

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.device
        return device


def set_threads(threads: int) -> None:
    """Give torch `threads` threads; 0 leaves one core to the feedback workers."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads or max(1, available - 1))


def resolve(name: str) -> str:
    """A model name as transformers takes it: embedded:TIER becomes the shipped checkpoint's folder."""
    match name.split(":"):
        case ["embedded", ("short" | "long") as tier]:
            return str(minicode.checkpoint(tier))
        case ["embedded", *_]:
            raise PolicyError(f"model {name!r}: allowed: embedded:short, embedded:long, a hub name or a folder")
    return name


def load_policy(section: ModelSection, path: Path | None = None) -> Policy:
    """Load the model and tokenizer a configuration names, or the ones in `path` (a checkpoint of it).

    Raises:
        PolicyError: no such model, or its tokenizer has no end-of-sequence token.
    """
    source = str(path) if path else resolve(section.name)
    transformers_logging.disable_progress_bar()  # loading and saving are not the run's progress
    device = section.device if section.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, section.dtype))
    except (OSError, ValueError) as error:
        raise PolicyError(f"model {section.name!r}: cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    try:
        model = model.to(device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise PolicyError(f"model.device {section.device!r}: cannot be used here: {reason}") from error
    if tokenizer.eos_token_id is None:
        raise PolicyError(f"model {section.name!r}: its tokenizer has no end-of-sequence token")
    configured = model.generation_config.eos_token_id if model.generation_config else None
    eos = {tokenizer.eos_token_id, *(configured if isinstance(configured, list) else [configured])} - {None}
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    model.eval()  # no dropout: samples and gradients come from the same distribution
    return Policy(model, tokenizer, token_bytes(tokenizer, continues=True), tuple(sorted(eos)), pad)


def encode_prompt(policy: Policy, problem: Problem, prompt_format: str) -> tuple[int, ...]:
    """Token ids of what the policy reads for a problem."""
    if prompt_format in FORMATS:
        return tuple(policy.tokenizer(FORMATS[prompt_format].text(problem))["input_ids"])
    try:
        text = prompt_format.format(prompt=problem.prompt, starter_code=problem.starter_code)
    except (KeyError, IndexError, ValueError) as error:
        raise PolicyError(
            f"model.prompt_format {prompt_format!r}: {error}; allowed: {', '.join(FORMATS)},"
            " or a text that may use {prompt} and {starter_code}"
        ) from None
    return tuple(policy.tokenizer(text)["input_ids"])


def encode_reference(policy: Policy, reference: str) -> tuple[int, ...]:
    """Token ids of a reference solution as the policy should write it, with its end of sequence."""
    ids = policy.tokenizer(reference, add_special_tokens=False)["input_ids"]
    return (*ids, policy.tokenizer.eos_token_id)
