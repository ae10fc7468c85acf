"""How vLLM is spoken to, as read in vLLM 0.33 and tried on 0.32 (`make engines`).

All weights go through a folder that trainer and server see under the same path. In vLLM's development mode the server
is paused with its requests kept (page "Async Reinforcement Learning"). It loads the weights with `reload_weights`
through `/collective_rpc` (page "Layerwise (Re)loading"), clears its cache, labels its weights and resumes. The label
comes back with every sampled token (page "Tokens In <> Tokens Out API").

An adapter is loaded under a name of its own for each version (page "LoRA Adapters"), beside those that requests in
flight use. Loaded in place, under one name, it would be read from disk again at every token (vLLM issue 33791).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.errors import ConfigError, ServerError
from training.records import Drawing
from training.samplers.servers.border import Answer, Ask, Facts, ServerApi, Span
from training.samplers.servers.http import UnreachableError

_DEVELOPMENT = "the server must run in development mode: VLLM_SERVER_DEV_MODE=1 (docs/scaling.md)"
_UNSEEN = ("Repo id must be", "not a valid", "No such file", "Cannot find", "not found", "does not exist")
"""What vLLM says of a folder that it does not see, in one place or another."""
_HOTTEST = 2.0
"""The largest temperature that vLLM takes."""


@dataclass(frozen=True, slots=True)
class _Logprob:
    token_id: int
    logprob: float


@dataclass(frozen=True, slots=True)
class _Logprobs:
    content: list[_Logprob]


@dataclass(frozen=True, slots=True)
class _Choice:
    token_ids: list[int]
    logprobs: _Logprobs
    finish_reason: str
    weight_versions: list[Span]


@dataclass(frozen=True, slots=True)
class _Generated:
    """The answer of `/inference/v1/generate`."""

    choices: list[_Choice]


@dataclass(frozen=True, slots=True)
class _ModelCard:
    id: str
    root: str | None = None
    max_model_len: int | None = None


@dataclass(frozen=True, slots=True)
class _Models:
    """The answer of `/v1/models`."""

    data: list[_ModelCard]


@dataclass(frozen=True, slots=True)
class _ModelConfig:
    logprobs_mode: str = "raw_logprobs"


@dataclass(frozen=True, slots=True)
class _Lora:
    max_lora_rank: int | None = None


@dataclass(frozen=True, slots=True)
class _LoadConfig:
    load_format: str = "auto"


@dataclass(frozen=True, slots=True)
class _Config:
    model_config: _ModelConfig = field(default_factory=_ModelConfig)
    load_config: _LoadConfig = field(default_factory=_LoadConfig)
    lora_config: _Lora | None = None


@dataclass(frozen=True, slots=True)
class _Info:
    """The answer of `/server_info`."""

    vllm_config: _Config


@dataclass(frozen=True, slots=True)
class _Tokenized:
    """The answer of `/tokenize`."""

    tokens: list[int]


@dataclass(frozen=True, slots=True)
class _Done:
    """The answer of `/reset_prefix_cache` and `/update_weight_version`."""

    success: bool


class VllmApi(ServerApi):
    """Servers of vLLM 0.32 and 0.33."""

    engine = "vLLM"
    key_variable = "VLLM_API_KEY"
    suspects = "tied embeddings on a CPU server, a quantized server, another --dtype than model.dtype"

    async def facts(self, url: str, wanted: Drawing) -> Facts:
        """Read `/v1/models` and `/server_info`."""
        cards: list[_ModelCard] = (await self.call(url, "/v1/models", _Models)).data
        try:
            config: _Config = (await self.call(url, "/server_info?config_format=json", _Info)).vllm_config
        except ServerError as error:
            raise ConfigError(f"{error} ({_DEVELOPMENT})") from None
        for setting, found, good, allowed in (
            ("--logprobs-mode", config.model_config.logprobs_mode, "raw_logprobs", "raw_logprobs"),
            ("--load-format", config.load_config.load_format, None, "any but dummy, which cannot load weights later"),
        ):
            if found == "dummy" or (good and found != good):
                raise ConfigError(f"{url} runs with {setting} {found}; allowed: {allowed}")
        if self.adapted and config.lora_config is None:
            raise ConfigError(f"{url} runs without --enable-lora, and model.lora_rank trains an adapter")
        if wanted.temperature > _HOTTEST:
            raise ConfigError(f"sampler.temperature {wanted.temperature:g}: vLLM takes {_HOTTEST:g} at most")
        names = tuple(dict.fromkeys(name for card in cards for name in (card.id, card.root) if name))
        return Facts(names, min((card.max_model_len for card in cards if card.max_model_len), default=None))

    async def tokens(self, url: str, text: str) -> list[int]:
        body = {"prompt": text, "add_special_tokens": False}
        found: list[int] = (await self.call(url, "/tokenize", _Tokenized, body)).tokens
        return found

    async def generate(self, url: str, ask: Ask, adapter: str) -> Answer:
        body: dict[str, Any] = {
            "token_ids": list(ask.token_ids),
            "sampling_params": {
                "max_tokens": ask.max_tokens,
                "temperature": ask.drawing.temperature,
                "top_p": ask.drawing.top_p,
                "top_k": ask.drawing.top_k,
                "seed": ask.seed,
                "stop_token_ids": list(ask.stop_ids),
                "stop": list(ask.stop),
                "detokenize": bool(ask.stop),
                "logprobs": 0,  # the sampled token's alone; vLLM's are those at temperature 1, not truncated
            },
        }
        if adapter:
            body["model"] = adapter
        try:
            found: _Generated = await self.call(url, "/inference/v1/generate", _Generated, body)
        except ServerError as error:
            if "HTTP 403" in str(error):
                raise ServerError(f"{error} (the server must be started with --enable-scale-out)") from None
            raise
        if len(found.choices) != 1:
            raise ServerError(f"{url}: len(choices) is {len(found.choices)}; must be 1")
        choice = found.choices[0]
        spans = [Span(adapter, 0, len(choice.token_ids))] if adapter else choice.weight_versions
        content = choice.logprobs.content
        return Answer(
            choice.token_ids,
            [token.token_id for token in content],
            [token.logprob for token in content],
            choice.finish_reason,
            spans,
        )

    async def load(self, url: str, folder: Path, label: str) -> None:
        try:
            await self.call(url, "/pause?mode=keep", bytes, {})
        except ServerError as error:
            raise ServerError(f"{error} ({_DEVELOPMENT})") from None
        body = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        try:
            await self.call(url, "/collective_rpc", bytes, body)
        except (UnreachableError, ServerError) as error:
            raise type(error)(f"{error}; {_why(str(error), folder)}") from error.__cause__
        await self._succeed(url, "/reset_prefix_cache?reset_running_requests=true", {})
        await self._succeed(url, "/update_weight_version", {"new_version": label})
        await self.call(url, "/resume", bytes, {})

    async def add_adapter(self, url: str, folder: Path, name: str) -> None:
        try:
            await self.call(url, "/v1/load_lora_adapter", bytes, {"lora_name": name, "lora_path": str(folder)})
        except ServerError as error:
            if _is_unseen(str(error)):
                raise ServerError(f"{error}; {_why(str(error), folder)}") from None
            raise ServerError(
                f"{error} (the server needs VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, --enable-lora and a --max-lora-rank of"
                " model.lora_rank or more)"
            ) from None

    async def drop_adapter(self, url: str, name: str) -> None:
        await self.call(url, "/v1/unload_lora_adapter", bytes, {"lora_name": name})

    async def _succeed(self, url: str, path: str, body: dict[str, Any]) -> None:
        if not (await self.call(url, path, _Done, body)).success:
            raise ServerError(f"{url}{path}: success is false")


def _is_unseen(said: str) -> bool:
    return any(words in said for words in _UNSEEN)


def _why(said: str, folder: Path) -> str:
    """Say what is likely wrong with a server that did not load a folder, and in what state it is."""
    if _is_unseen(said):
        return f"the server does not see {folder}: run.folder must be on a disk of both, under the same path"
    return (
        "likely its model has other shapes than model.name; its own log says more. It is paused and its weights are"
        " half replaced: start it again"
    )
