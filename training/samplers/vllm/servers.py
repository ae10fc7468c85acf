"""A client of several vLLM servers, which spreads requests over them and pushes new weights to all of them.

Weights go through a folder that trainer and servers see under the same path. In vLLM's development mode each server is
paused with its requests kept (page "Async Reinforcement Learning"). It loads the weights with `reload_weights` through
`/collective_rpc` (page "Layerwise (Re)loading"), or an adapter through `/v1/load_lora_adapter` (page "LoRA Adapters").
Then it clears its cache, labels its weights and resumes. The label comes back with every sampled token (page "Tokens In
<> Tokens Out API"). This was read in the sources of vLLM 0.33.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import uuid
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import torch

from engine.extras import needs
from training.errors import ConfigError, ServerError
from training.models.adapters import has_adapter, save_rounded
from training.models.policy import Policy, resolve
from training.samplers.vllm.answers import Done, Generated, Models, Tokenized

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

_ADAPTER = "rltf"
"""The name of the policy's adapter on the servers."""
_HEALTH_SECONDS = 30.0
_LOOK_UP = 0.2
"""Seconds between two checks whether a waiting caller should stop."""
_PROBE = "def f(x):\n    return x ** 2  # \N{EURO SIGN}\n"
"""A text that different tokenizers split differently."""
_TRIES = 3
"""Maximum number of tries of one request on servers that report to be healthy."""


class _UnreachableError(Exception):
    """A server gave no answer, or an error on its side. Another server may do better."""


@dataclass
class _Server:
    url: str
    busy: int = 0
    lost: str = ""
    """Why it receives no more requests until it takes weights again."""


class VllmServers:
    """A client of servers that all serve the policy's model.

    Everything runs on an event loop in a thread of its own. A request that nobody waits for any more is cancelled, on
    the server too.

    Args:
        urls: The servers' addresses.
        policy: The policy that they sample from.
        folder: Folder for the weights that they load.
        in_flight: Maximum number of requests that each has at once.
        timeout: Seconds that an answer may take.
        tell: Receives a line for each server that is lost or comes back.

    Raises:
        ConfigError: a server cannot be reached or serves something else, or aiohttp is not installed.
    """

    def __init__(
        self,
        urls: Sequence[str],
        policy: Policy,
        folder: Path,
        in_flight: int,
        timeout: float,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        try:
            import aiohttp
        except ImportError:
            raise ConfigError(f"sampler.backend 'vllm': {needs('aiohttp', 'vllm')}") from None
        self._aiohttp = aiohttp
        self._servers = [_Server(url.rstrip("/")) for url in urls]
        self._policy, self._folder = policy, folder.absolute()
        self._in_flight, self._tell = in_flight, tell
        self._retried = 0
        self.label = f"{uuid.uuid4().hex[:8]}/"
        """Prefix of the weights' labels. It differs between runs and from a restarted server's label."""
        self._timeout = timeout
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Condition()
        self._thread = threading.Thread(target=self._run, name="vllm-servers", daemon=True)
        self._thread.start()
        self._session = self._wait(self._open())
        try:
            self._wait(self._check_all())
        except BaseException:
            self.close()
            raise

    def generate(self, token_ids: Sequence[int], sampling: dict[str, Any]) -> Future[tuple[str, Generated]]:
        """Ask the least busy server. The answer comes with that server's address.

        The future's exception is a ServerError if a server's answer is malformed, or no server is left.
        """
        body = {"token_ids": list(token_ids), "sampling_params": sampling}
        if has_adapter(self._policy.model):
            body["model"] = _ADAPTER
        return self._submit(self._generate(body))

    def push(self, version: int, go_on: Callable[[], None] = lambda: None) -> None:
        """Push the policy's present weights to every server. Lost servers are tried again.

        `go_on` is called meanwhile and may raise to abort.

        Raises:
            ServerError: a server refuses them, or none is left. The message names it.
        """
        target, aside = self._folder / f"version-{version}", self._folder / f".version-{version}.part"
        for stale in (target, aside):
            shutil.rmtree(stale, ignore_errors=True)
        aside.mkdir(parents=True)
        save_rounded(self._policy.model, aside, getattr(torch, self._policy.section.dtype))
        aside.replace(target)
        pushed = self._submit(self._push_all(target, f"{self.label}{version}"))
        try:
            while not wait([pushed], timeout=_LOOK_UP).done:
                go_on()
        except BaseException:
            pushed.cancel()
            raise
        pushed.result()
        for old in self._folder.glob("version-*"):
            if old != target:
                shutil.rmtree(old)

    def counts(self) -> dict[str, float]:
        """Count the servers in use, and the retries since the last call."""
        retried, self._retried = self._retried, 0
        return {"sampler/servers": sum(not server.lost for server in self._servers), "sampler/retried": retried}

    def close(self) -> None:
        """Cancel the requests in flight."""
        if self._thread.is_alive():
            self._wait(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._submit(work).result()

    async def _open(self) -> aiohttp.ClientSession:
        connector = self._aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)  # below uvicorn's own, 5 s
        return self._aiohttp.ClientSession(
            connector=connector, timeout=self._aiohttp.ClientTimeout(total=self._timeout)
        )

    async def _end(self) -> None:
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    async def _generate(self, body: dict[str, Any]) -> tuple[str, Generated]:
        tries = 0
        while True:
            server = await self._free()
            try:
                return server.url, await self._call(server, "/inference/v1/generate", Generated, body)
            except _UnreachableError as error:
                tries += 1
                self._retried += 1
                slow = isinstance(error.__cause__, TimeoutError)
                if slow or tries == _TRIES or not await self._is_well(server):
                    self._lose(server, str(error))
            finally:
                server.busy -= 1
                async with self._changed:
                    if server.lost:
                        self._changed.notify_all()  # where it was the last one, all hear of it
                    else:
                        self._changed.notify()

    async def _free(self) -> _Server:
        """Wait for a server with room and return the least busy one."""
        async with self._changed:
            while True:
                able = [server for server in self._servers if not server.lost]
                if not able:
                    raise self._none_left()
                server = min(able, key=lambda each: each.busy)
                if server.busy < self._in_flight:
                    server.busy += 1
                    return server
                await self._changed.wait()

    def _none_left(self) -> ServerError:
        return ServerError("no vLLM server is left: " + "; ".join(f"{each.url}: {each.lost}" for each in self._servers))

    def _lose(self, server: _Server, why: str) -> None:
        if not server.lost:
            server.lost = why
            self._tell(f"vLLM server {server.url} is lost: {why}; its requests go to the others")

    async def _is_well(self, server: _Server) -> bool:
        brief = self._aiohttp.ClientTimeout(total=_HEALTH_SECONDS)
        try:
            async with self._session.get(f"{server.url}/health", timeout=brief) as answer:
                return answer.status == 200
        except (self._aiohttp.ClientError, TimeoutError):
            return False

    async def _call(self, server: _Server, path: str, kind: type[T], body: dict[str, Any] | None = None) -> T:
        """POST a body, or GET where there is none. Returns the answer as `kind`, undecoded if that is `bytes`."""
        method = "GET" if body is None else "POST"
        try:
            async with self._session.request(method, f"{server.url}{path}", json=body) as answer:
                status, content = answer.status, await answer.read()
        except TimeoutError as error:
            raise _UnreachableError(f"{path}: no answer in {self._timeout:g} s") from error
        except self._aiohttp.ClientError as error:
            raise _UnreachableError(f"{path}: {type(error).__name__}: {error}") from error
        if status != 200:
            said = f"{path}: HTTP {status}: {' '.join(content.decode(errors='replace').split())[:200]}"
            if status >= 500:
                raise _UnreachableError(said)
            raise ServerError(f"{server.url}{said}")
        if isinstance(content, kind):
            return content
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ServerError(f"{server.url}{path}: its answer cannot be read: {error}") from None

    async def _succeed(self, server: _Server, path: str, body: dict[str, Any]) -> None:
        if not (await self._call(server, path, Done, body)).success:
            raise ServerError(f"{server.url}{path}: success is false")

    async def _push_all(self, folder: Path, label: str) -> None:
        await asyncio.gather(*(self._push(server, folder, label) for server in self._servers))
        async with self._changed:
            self._changed.notify_all()
        if all(server.lost for server in self._servers):
            raise self._none_left()

    async def _push(self, server: _Server, folder: Path, label: str) -> None:
        if server.lost and not await self._is_well(server):
            return
        load: tuple[str, dict[str, Any]] = (
            ("/v1/load_lora_adapter", {"lora_name": _ADAPTER, "lora_path": str(folder), "load_inplace": True})
            if has_adapter(self._policy.model)
            else ("/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}})
        )
        try:
            if server.lost:
                await self._check(server)
            await self._call(server, "/pause?mode=keep", bytes, {})
            await self._call(server, load[0], bytes, load[1])
            await self._succeed(server, "/reset_prefix_cache?reset_running_requests=true", {})
            await self._succeed(server, "/update_weight_version", {"new_version": label})
            await self._call(server, "/resume", bytes, {})
        except _UnreachableError as error:
            self._lose(server, f"new weights: {error}")
        except (ServerError, ConfigError) as error:
            raise ServerError(
                f"new weights: {error} (the server must run in development mode, docs/scaling.md)"
            ) from None
        else:
            if server.lost:
                self._tell(f"vLLM server {server.url} is back")
            server.lost = ""

    async def _check_all(self) -> None:
        for server in self._servers:
            try:
                await self._check(server)
            except (_UnreachableError, ServerError) as error:
                raise ConfigError(f"sampler.servers: {server.url}: {str(error).removeprefix(server.url)}") from None

    async def _check(self, server: _Server) -> None:
        """Raise ConfigError where the server has another model or tokenizer than the policy."""
        name = self._policy.section.name
        wanted = {name, resolve(name)}
        cards = (await self._call(server, "/v1/models", Models)).data
        if not any({card.id, card.root} & wanted for card in cards):
            found = ", ".join(card.id for card in cards)
            raise ConfigError(f"sampler.servers: {server.url} serves {found!r}, not model.name {name!r}")
        body = {"prompt": _PROBE, "add_special_tokens": False}
        tokens = (await self._call(server, "/tokenize", Tokenized, body)).tokens
        if tokens != self._policy.tokenizer(_PROBE, add_special_tokens=False)["input_ids"]:
            raise ConfigError(f"sampler.servers: {server.url} has another tokenizer than model.name {name!r}")
