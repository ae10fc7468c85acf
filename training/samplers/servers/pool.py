"""Several servers of one engine: requests are spread over them, and new weights are pushed to all of them.

Weights go through a folder that trainer and servers see under the same path.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import uuid
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, TypeVar

import torch

from training.errors import ConfigError, ServerError
from training.models.adapters import has_adapter, save_rounded
from training.models.policy import Policy
from training.records import Drawing
from training.samplers.servers.border import Answer, Ask, ServerApi
from training.samplers.servers.http import BRIEF_SECONDS, Http, UnreachableError
from training.samplers.servers.server import Server

T = TypeVar("T")

_LOOK_UP = 0.2
"""Seconds between two checks whether a waiting caller should stop."""
_TRIES = 3
"""Maximum number of tries of one request on servers that report to be healthy."""


class ServerPool:
    """A client of servers that all serve the policy's model.

    Everything runs on an event loop in a thread of its own. A request that nobody waits for any more is cancelled, on
    the server too.

    Args:
        api: The engine's.
        urls: The servers' addresses.
        policy: The policy that they sample from.
        folder: Folder for the weights that they load. It is removed in the end.
        in_flight: Maximum number of requests that each has at once.
        timeout: Seconds that an answer may take.
        wanted: How tokens are drawn.
        tell: Receives a line for each server that is lost or comes back.

    Raises:
        ConfigError: a server cannot be reached, serves something else or in another way, or aiohttp is not installed.
    """

    def __init__(
        self,
        api: type[ServerApi],
        urls: Sequence[str],
        policy: Policy,
        folder: Path,
        in_flight: int,
        timeout: float,
        wanted: Drawing,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._http = Http(timeout, api.key_variable)
        self.api = api(self._http, adapted=has_adapter(policy.model))
        self._servers = [Server(url.rstrip("/"), self.api, tell, self._remove_old) for url in urls]
        self._policy, self._folder = policy, folder.absolute()
        self._in_flight, self._wanted = in_flight, wanted
        self._retried = 0
        self.label = f"{uuid.uuid4().hex[:8]}-"
        """Prefix of the weights' labels. It differs between runs and from a restarted server's label."""
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Condition()
        self._thread = threading.Thread(target=self._run, name="servers", daemon=True)
        self._thread.start()
        self._wait(self._http.open())
        try:
            self._wait(self._check_all())
        except BaseException:
            self.close()
            raise

    @property
    def longest(self) -> int | None:
        """Return the most tokens of prompt and completion together that every server takes, where they say it."""
        return min((server.longest for server in self._servers if server.longest is not None), default=None)

    def generate(self, ask: Ask) -> Future[tuple[str, Answer]]:
        """Ask the least busy server. The answer comes with that server's address.

        The future's exception is a ServerError if a server's answer is malformed, or no server is left.
        """
        return self._submit(self._generate(ask))

    def push(self, version: int, go_on: Callable[[], None] = lambda: None) -> None:
        """Push the policy's present weights to every server. Lost servers are tried again.

        `go_on` is called meanwhile and may raise to abort.

        Raises:
            ServerError: a server refuses them, or none is left. The message names it.
        """
        label = f"{self.label}{version}"
        target, aside = self._folder / label, self._folder / f".{label}.part"
        for stale in (target, aside):
            shutil.rmtree(stale, ignore_errors=True)
        aside.mkdir(parents=True)
        save_rounded(self._policy.model, aside, getattr(torch, self._policy.section.dtype))
        aside.replace(target)
        self._until(self._submit(self._push_all(target, label)), go_on)

    def ask_each(self, asks: Sequence[Ask], go_on: Callable[[], None] = lambda: None) -> dict[str, list[Answer]]:
        """Ask every server that is not lost the same. Returns the answers by address.

        Raises:
            ServerError: a server refuses, or none is left.
        """
        return self._until(self._submit(self._ask_each(asks)), go_on)

    def counts(self) -> dict[str, float]:
        """Count the servers in use, and the retries since the last call."""
        retried, self._retried = self._retried, 0
        return {"sampler/servers": sum(not server.lost for server in self._servers), "sampler/retried": retried}

    def close(self) -> None:
        """Cancel the requests in flight, and remove the weights that were served."""
        if self._thread.is_alive():
            self._wait(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._submit(work).result()

    def _until(self, work: Future[T], go_on: Callable[[], None]) -> T:
        try:
            while not wait([work], timeout=_LOOK_UP).done:
                go_on()
        except BaseException:
            work.cancel()
            raise
        return work.result()

    async def _end(self) -> None:
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        able = [server for server in self._servers if not server.lost]
        dropping = [
            asyncio.ensure_future(self.api.drop_adapter(server.url, name))
            for server in able
            for name in server.adapters
        ]
        if dropping:
            done, _ = await asyncio.wait(dropping, timeout=BRIEF_SECONDS)
            await asyncio.gather(*done, return_exceptions=True)  # a server that is gone holds none
        await self._http.close()

    async def _generate(self, ask: Ask) -> tuple[str, Answer]:
        tries = 0
        while True:
            server = await self._free()
            try:
                return server.url, await server.generate(ask)
            except UnreachableError as error:
                tries += 1
                self._retried += 1
                slow = isinstance(error.__cause__, TimeoutError)
                if slow or tries == _TRIES or not await self.api.is_well(server.url):
                    server.lose(str(error))
            finally:
                server.busy -= 1
                async with self._changed:
                    if server.lost:
                        self._changed.notify_all()  # where it was the last one, all hear of it
                    else:
                        self._changed.notify()

    def _remove_old(self) -> None:
        """Remove the folders of weights that no server may read again."""
        used = {name for server in self._servers for name in server.adapters}
        newest = max(self._folder.glob(f"{self.label}*"), key=lambda folder: int(folder.name.removeprefix(self.label)))
        for folder in self._folder.glob("*"):
            if folder != newest and folder.name not in used:
                shutil.rmtree(folder, ignore_errors=True)

    async def _free(self) -> Server:
        """Wait for a server with room and return the least busy one."""
        async with self._changed:
            while True:
                able = [server for server in self._servers if not server.lost]
                if not able:
                    raise self._none_left()
                server = min(able, key=lambda server: server.busy)
                if server.busy < self._in_flight:
                    server.busy += 1
                    return server
                await self._changed.wait()

    def _none_left(self) -> ServerError:
        said = "; ".join(f"{server.url}: {server.lost}" for server in self._servers)
        return ServerError(f"no {self.api.engine} server is left: {said}")

    async def _push_all(self, folder: Path, label: str) -> None:
        pushed = (server.take(folder, label, self._policy, self._wanted) for server in self._servers)
        await asyncio.gather(*pushed)
        self._remove_old()
        async with self._changed:
            self._changed.notify_all()
        if all(server.lost for server in self._servers):
            raise self._none_left()

    async def _ask_each(self, asks: Sequence[Ask]) -> dict[str, list[Answer]]:
        answers: dict[str, list[Answer]] = {}

        async def ask(server: Server) -> None:
            try:
                answers[server.url] = list(await asyncio.gather(*(server.generate(ask) for ask in asks)))
            except UnreachableError as error:
                server.lose(str(error))

        able = [server for server in self._servers if not server.lost]
        await asyncio.gather(*(ask(server) for server in able))
        if not answers:
            raise self._none_left()
        return answers

    async def _check_all(self) -> None:
        for server in self._servers:
            try:
                await server.check(self._policy, self._wanted)
            except ConfigError as error:
                raise ConfigError(f"sampler.servers: {str(error).removeprefix('sampler.servers: ')}") from None
            except (UnreachableError, ServerError) as error:
                raise ConfigError(f"sampler.servers: {server.url}: {str(error).removeprefix(server.url)}") from None
