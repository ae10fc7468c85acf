"""Samplers draw completions from the present policy. A backend is one module or folder and one `case` below."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine import Problem
from training.errors import ConfigError
from training.models.families import is_encoder_decoder
from training.models.policy import Policy
from training.models.prompts import encode_prompt
from training.named import load_named
from training.records import Drawing
from training.samplers.base import Sampler, too_small
from training.sections import SamplerSection

if TYPE_CHECKING:
    from training.samplers.servers.border import ServerApi

__all__ = ["Sampler", "check_window", "open_sampler"]


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
            from training.samplers.vllm.api import VllmApi

            return _on_servers(VllmApi, section, policy, folder, tell, processes)
        case "sglang":
            from training.samplers.sglang.api import SglangApi

            return _on_servers(SglangApi, section, policy, folder, tell, processes)
        case outside:
            sampler: Sampler = load_named("sampler.backend", outside, Sampler)(section, policy)
            return sampler


def check_window(sampler: Sampler, policy: Policy, problems: Iterable[Problem], completion: int) -> None:
    """See that every prompt and a completion after it fit into what the sampler takes.

    Raises:
        ConfigError: one does not. Servers would shorten its completions.
    """
    bound = policy.section.max_prompt_tokens
    if sampler.longest is None or 0 < bound <= sampler.longest - completion:
        return
    for problem in problems:
        tokens = len(encode_prompt(policy, problem))
        if tokens + completion > sampler.longest:
            what = f"sampler.servers: problem {problem.id!r}"
            raise ConfigError(too_small(sampler.longest, what, tokens, completion))


def _on_servers(
    api: type[ServerApi],
    section: SamplerSection,
    policy: Policy,
    folder: Path,
    tell: Callable[[str], None],
    processes: int,
) -> Sampler:
    from training.samplers.servers.pool import ServerPool
    from training.samplers.servers.sampler import ServerSampler

    if processes > 1:
        raise ConfigError(
            f"sampler.backend {section.backend!r}: one process asks the servers, and {processes} were launched; allowed"
            " in several: 'transformers'"
        )
    if is_encoder_decoder(policy.model):
        name = policy.section.name
        raise ConfigError(f"sampler.backend: {section.backend!r} serves decoder-only models; {name!r} has an encoder")
    drawing = Drawing(section.temperature, section.top_p, section.top_k)
    in_flight, timeout = section.batch_size, section.server_timeout
    pool = ServerPool(api, section.servers, policy, folder, in_flight, timeout, drawing, tell)
    return ServerSampler(pool, policy, section.max_new_tokens, section.tolerance)
