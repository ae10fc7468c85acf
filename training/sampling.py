"""Which `Sampler` a run uses: transformers on the learner's own weights, or vLLM servers.

What this module does not do: sample.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training.config import ConfigError, TrainConfig
from training.models.families import is_encoder_decoder
from training.policy import Policy
from training.protocols import Sampler
from training.sampler import TransformersSampler
from training.vllm.sampler import VllmSampler
from training.vllm.servers import VllmServers


def open_servers(config: TrainConfig, policy: Policy, path: Path, tell: Callable[[str], None]) -> VllmServers | None:
    """The servers that a configuration names, weights not yet pushed; None where it samples in this process.

    Raises:
        ConfigError: one of them cannot be reached or serves something else, or the model is not one for vLLM.
    """
    section = config.sampler
    if section.backend != "vllm":
        return None
    if is_encoder_decoder(policy.model):
        raise ConfigError(f"sampler.backend: 'vllm' serves decoder-only models; {config.model.name!r} has an encoder")
    return VllmServers(section.servers, policy, path / "served", section.batch_size, section.server_timeout, tell)


def training_sampler(config: TrainConfig, policy: Policy, servers: VllmServers | None) -> Sampler:
    """What draws rollouts, as `sampler` says."""
    section = config.sampler
    if servers is not None:
        return VllmSampler(servers, policy, section.max_new_tokens, section.temperature, section.top_p, section.top_k)
    return TransformersSampler(
        policy, section.max_new_tokens, section.batch_size, section.temperature, section.top_p, section.top_k
    )


def plain_sampler(config: TrainConfig, policy: Policy, servers: VllmServers | None, *, greedy: bool = False) -> Sampler:
    """What draws for evaluations, at temperature 1 or greedy, and for greedy baselines."""
    section = config.sampler
    if servers is not None:
        return VllmSampler(servers, policy, section.max_new_tokens, greedy=greedy)
    return TransformersSampler(policy, section.max_new_tokens, section.batch_size, greedy=greedy)
