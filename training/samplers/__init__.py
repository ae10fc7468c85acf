"""Samplers draw completions from the present policy. A backend is one module or folder and one `case` below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training.errors import ConfigError
from training.models.families import is_encoder_decoder
from training.models.policy import Policy
from training.named import load_named
from training.samplers.base import Sampler
from training.sections import SamplerSection

__all__ = ["Sampler", "open_sampler"]


def open_sampler(
    section: SamplerSection,
    policy: Policy,
    folder: Path,
    tell: Callable[[str], None] = lambda _: None,
    processes: int = 1,
) -> Sampler:
    """Open the sampler that a configuration names, for training, evaluation and greedy baselines alike.

    Args:
        section: Its `backend` is one of ours, or `package.module:Name`, which is called with section and policy.
        policy: The policy to sample from.
        folder: Folder for the weights that servers load.
        tell: Receives a line for whatever happens to servers later.
        processes: Number of the run's processes that sample.

    Raises:
        ConfigError: servers cannot be reached or serve something else, they cannot serve the model, or several
            processes would use them.
    """
    match section.backend:
        case "transformers":
            from training.samplers.transformers import TransformersSampler

            return TransformersSampler(policy, section.max_new_tokens, section.batch_size)
        case "vllm":
            from training.samplers.vllm.sampler import VllmSampler
            from training.samplers.vllm.servers import VllmServers

            if processes > 1:
                raise ConfigError(
                    f"sampler.backend 'vllm': one process asks the servers, and {processes} were launched; allowed in"
                    " several: 'transformers'"
                )
            if is_encoder_decoder(policy.model):
                name = policy.section.name
                raise ConfigError(f"sampler.backend: 'vllm' serves decoder-only models; {name!r} has an encoder")
            servers = VllmServers(section.servers, policy, folder, section.batch_size, section.server_timeout, tell)
            return VllmSampler(servers, policy, section.max_new_tokens)
        case outside:
            sampler: Sampler = load_named("sampler.backend", outside, Sampler)(section, policy)
            return sampler
