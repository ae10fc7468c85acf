"""One server, as its client knows it: whether it can be asked, what it has loaded, and what it works on.

An adapter has a name of its own for each version. Requests in flight keep the one that they began with, and the server
forgets it when its last request ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from training.errors import ConfigError, ServerError
from training.models.policy import Policy, resolve
from training.records import Drawing
from training.samplers.servers.border import Answer, Ask, ServerApi
from training.samplers.servers.http import UnreachableError

_PROBE = "def f(x):\n    return x ** 2  # \N{EURO SIGN}\n"
"""A text that different tokenizers split differently."""


class Server:
    """A server. All of it belongs on one event loop.

    Args:
        url: Its address.
        api: The engine's.
        tell: Receives a line when it is lost or comes back.
        forgotten: Called when it has forgotten adapters, whose folders nobody may need any more.
    """

    def __init__(self, url: str, api: ServerApi, tell: Callable[[str], None], forgotten: Callable[[], None]) -> None:
        self.url, self._api, self._tell, self._forgotten = url, api, tell, forgotten
        self.busy = 0
        """Requests that it has been given."""
        self.lost = ""
        """Why it receives no more requests until it takes weights again."""
        self.adapters: list[str] = []
        """All that it has loaded, the oldest first. New requests name the last. None where all weights are trained."""
        self.longest: int | None = None
        """Most tokens of prompt and completion together that it takes."""
        self.flying: dict[asyncio.Future[Answer], str] = {}
        """Requests that it works on, with the adapter of each."""
        self._chores: set[asyncio.Task[None]] = set()

    async def check(self, policy: Policy, wanted: Drawing) -> None:
        """Raise ConfigError where it has another model, tokenizer or way of working than the run needs."""
        name = policy.section.name
        facts = await self._api.facts(self.url, wanted)
        if not {name, resolve(name)} & set(facts.names):
            raise ConfigError(f"{self.url} serves {', '.join(map(repr, facts.names))}, not model.name {name!r}")
        tokens = policy.tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
        if await self._api.tokens(self.url, _PROBE) != tokens:
            raise ConfigError(f"{self.url} has another tokenizer than model.name {name!r}")
        self.longest = facts.longest

    async def generate(self, ask: Ask) -> Answer:
        """Sample one completion. Raises UnreachableError where it is lost meanwhile, to another request or a push."""
        adapter = self._adapter
        attempt = asyncio.ensure_future(self._api.generate(self.url, ask, adapter))
        self.flying[attempt] = adapter
        try:
            return await attempt
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if self.lost and own is not None and not own.cancelling():
                raise UnreachableError(self.lost) from None
            raise
        finally:
            del self.flying[attempt]
            if adapter != self._adapter and not self.lost:
                chore = asyncio.get_running_loop().create_task(self._drop_unused())
                self._chores.add(chore)
                chore.add_done_callback(self._chores.discard)

    async def take(self, folder: Path, label: str, policy: Policy, wanted: Drawing) -> None:
        """Take new weights. A lost server is checked first, and is used again if it takes them.

        Raises:
            ServerError: it refuses them.
        """
        if self.lost and not await self._api.is_well(self.url):
            return
        try:
            if self.lost:
                await self.check(policy, wanted)
            if self._api.adapted:
                await self._api.add_adapter(self.url, folder, label)
                self.adapters = [label] if self.lost else [*self.adapters, label]
                await self._drop_unused()
            else:
                await self._api.load(self.url, folder, label)
        except UnreachableError as error:
            self.lose(f"new weights: {error}")
        except (ServerError, ConfigError) as error:
            raise ServerError(f"new weights: {error}") from None
        else:
            if self.lost:
                self._tell(f"{self._api.engine} server {self.url} is back")
            self.lost = ""

    def lose(self, why: str) -> None:
        """Give it up, and take the requests off it that it works on: it may be paused and never answer."""
        if not self.lost:
            self.lost = why
            self._tell(f"{self._api.engine} server {self.url} is lost: {why}; its requests go to the others")
        for attempt in self.flying:
            attempt.cancel()

    @property
    def _adapter(self) -> str:
        return self.adapters[-1] if self.adapters else ""

    async def _drop_unused(self) -> None:
        """Let it forget old adapters that no request of its own uses."""
        kept = {self._adapter, *self.flying.values()}
        unused = [name for name in self.adapters if name not in kept]
        self.adapters = [name for name in self.adapters if name in kept]
        for name in unused:
            try:
                await self._api.drop_adapter(self.url, name)
            except (UnreachableError, ServerError) as error:
                self._tell(f"{self._api.engine} server {self.url} does not forget adapter {name}: {error}")
        if unused:
            self._forgotten()
