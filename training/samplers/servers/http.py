"""An HTTP client whose every failure is one of two: the server refuses, or another server may do better."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from engine.extras import needs
from training.errors import ConfigError, ServerError

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

BRIEF_SECONDS = 30.0
"""Longest wait for an answer that takes no work."""


class UnreachableError(Exception):
    """A server gave no answer, or an error on its side. Another server may do better."""


class Http:
    """A session with servers. `open` and all that follows belong on one event loop.

    Args:
        timeout: Seconds that an answer may take.
        key_variable: The environment variable with the API key that is sent, if it is set.

    Raises:
        ConfigError: aiohttp is not installed.
    """

    def __init__(self, timeout: float, key_variable: str) -> None:
        try:
            import aiohttp
        except ImportError:
            raise ConfigError(f"sampler.servers: {needs('aiohttp', 'vllm')}") from None
        self._aiohttp, self._timeout, self._key_variable = aiohttp, timeout, key_variable
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Begin the session."""
        key = os.environ.get(self._key_variable)
        self._session = self._aiohttp.ClientSession(
            connector=self._aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0),  # below uvicorn's own, 5 s
            timeout=self._aiohttp.ClientTimeout(total=self._timeout),
            headers={"Authorization": f"Bearer {key}"} if key else None,
        )

    async def close(self) -> None:
        """End it."""
        await self._opened.close()

    @property
    def _opened(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def is_well(self, url: str) -> bool:
        """Say whether a server reports to be healthy."""
        brief = self._aiohttp.ClientTimeout(total=BRIEF_SECONDS)
        try:
            async with self._opened.get(f"{url}/health", timeout=brief) as answer:
                return answer.status == 200
        except (self._aiohttp.ClientError, TimeoutError):
            return False

    async def call(self, url: str, path: str, kind: type[T], body: dict[str, Any] | None = None) -> T:
        """POST a body, or GET where there is none. Returns the answer as `kind`, undecoded if that is `bytes`.

        Raises:
            UnreachableError: no connection, no answer in time (whose cause is a TimeoutError), or a status above 499.
            ServerError: any other status than 200, or an answer of another form.
        """
        method = "GET" if body is None else "POST"
        try:
            async with self._opened.request(method, f"{url}{path}", json=body) as answer:
                status, content = answer.status, await answer.read()
        except TimeoutError as error:
            raise UnreachableError(f"{path}: no answer in {self._timeout:g} s") from error
        except self._aiohttp.ClientError as error:
            raise UnreachableError(f"{path}: {type(error).__name__}: {error}") from error
        if status != 200:
            said = f"{path}: HTTP {status}: {' '.join(content.decode(errors='replace').split())[:300]}"
            if status >= 500:
                raise UnreachableError(said)
            hint = f" (the API key is read from {self._key_variable})" if status == 401 else ""
            raise ServerError(f"{url}{said}{hint}")
        if isinstance(content, kind):
            return content
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ServerError(f"{url}{path}: its answer cannot be read: {error}") from None
