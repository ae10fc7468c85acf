"""How SGLang is spoken to, as read in the sources of SGLang 0.5.23 and tried on it (`make engines ENGINE=sglang`).

Weights are loaded from a folder with `/update_weights_from_disk`, which waits until no request is in flight, holds new
ones and labels the weights. One label is thus right for a whole completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import ConfigError, ServerError
from training.records import Drawing
from training.samplers.servers.border import Answer, Ask, Facts, ServerApi, Span
from training.samplers.servers.http import UnreachableError

_NO_TOP_K = -1
_ENDED = "SGLang ends where its model has other shapes than model.name; its own log says more"
_PAST_PROMPT = 4
"""A completion ends by length this many tokens past the longest prompt's bound, which is 6 below --context-length."""


@dataclass(frozen=True, slots=True)
class _Reason:
    type: str


@dataclass(frozen=True, slots=True)
class _Meta:
    finish_reason: _Reason
    output_token_logprobs: list[tuple[float, int, str | None]]
    """The log-probability of each sampled token, its id, and its text if that was asked for."""
    weight_version: str = "default"


@dataclass(frozen=True, slots=True)
class _Generated:
    """The answer of `/generate`."""

    output_ids: list[int]
    meta_info: _Meta


@dataclass(frozen=True, slots=True)
class _Info:
    """The answer of `/server_info`: the server's arguments, and what they came to."""

    model_path: str
    served_model_name: str | None = None
    load_format: str = "auto"
    enable_lora: bool | None = None
    max_req_input_len: int | None = None
    """Prompts are shorter. It follows from --context-length and the room of the cache."""


@dataclass(frozen=True, slots=True)
class _Tokenized:
    """The answer of `/tokenize`."""

    tokens: list[int]


@dataclass(frozen=True, slots=True)
class _Done:
    """The answer of `/update_weights_from_disk`, `/load_lora_adapter` and `/unload_lora_adapter`."""

    success: bool
    message: str | None = None
    error_message: str | None = None


class SglangApi(ServerApi):
    """Servers of SGLang 0.5."""

    engine = "SGLang"
    key_variable = "SGLANG_API_KEY"
    suspects = "a server without SGLANG_RETURN_ORIGINAL_LOGPROB=1"

    async def facts(self, url: str, wanted: Drawing) -> Facts:  # noqa: ARG002
        """Read `/server_info`."""
        info: _Info = await self.call(url, "/server_info", _Info)
        if info.load_format == "dummy":
            raise ConfigError(f"{url} runs with --load-format dummy; allowed: any that reads weights")
        if self.adapted and not info.enable_lora:
            raise ConfigError(f"{url} runs without --enable-lora, and model.lora_rank trains an adapter")
        names = tuple(dict.fromkeys(name for name in (info.served_model_name, info.model_path) if name))
        return Facts(names, info.max_req_input_len and info.max_req_input_len + _PAST_PROMPT)

    async def tokens(self, url: str, text: str) -> list[int]:
        body = {"prompt": text, "add_special_tokens": False}
        found: list[int] = (await self.call(url, "/tokenize", _Tokenized, body)).tokens
        return found

    async def generate(self, url: str, ask: Ask, adapter: str) -> Answer:
        body: dict[str, Any] = {
            "input_ids": list(ask.token_ids),
            "sampling_params": {
                "max_new_tokens": ask.max_tokens,
                "temperature": ask.drawing.temperature,
                "top_p": ask.drawing.top_p,
                "top_k": ask.drawing.top_k or _NO_TOP_K,
                "sampling_seed": ask.seed,
                "stop_token_ids": list(ask.stop_ids),
                "stop": list(ask.stop),
                "no_stop_trim": True,
            },
            "return_logprob": True,
        }
        if adapter:
            body["lora_path"] = adapter
        found: _Generated = await self.call(url, "/generate", _Generated, body)
        meta, ids = found.meta_info, found.output_ids
        return Answer(
            ids,
            [token for _, token, _ in meta.output_token_logprobs],
            [score for score, _, _ in meta.output_token_logprobs],
            meta.finish_reason.type,
            [Span(adapter or meta.weight_version, 0, len(ids))],
        )

    async def load(self, url: str, folder: Path, label: str) -> None:
        body = {"model_path": str(folder), "weight_version": label, "flush_cache": True}
        hint = "run.folder must be on a disk of both, under the same path"
        try:
            await self._succeed(url, "/update_weights_from_disk", body, hint)
        except UnreachableError as error:
            raise UnreachableError(f"{error} ({_ENDED})") from error.__cause__

    async def add_adapter(self, url: str, folder: Path, name: str) -> None:
        body = {"lora_name": name, "lora_path": str(folder)}
        await self._succeed(
            url, "/load_lora_adapter", body, "the server needs --max-lora-rank of model.lora_rank or more"
        )

    async def drop_adapter(self, url: str, name: str) -> None:
        await self._succeed(url, "/unload_lora_adapter", {"lora_name": name}, "")

    async def _succeed(self, url: str, path: str, body: dict[str, Any], hint: str) -> None:
        try:
            done: _Done = await self.call(url, path, _Done, body)
        except ServerError as error:
            raise ServerError(f"{error} ({hint})" if hint else str(error)) from None
        if not done.success:
            raise ServerError(f"{url}{path}: {done.message or done.error_message}" + (f" ({hint})" if hint else ""))
