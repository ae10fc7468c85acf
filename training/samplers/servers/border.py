"""The border to an engine that serves: what a folder of `training/samplers` has to say about its HTTP API.

Everything else is the same for all engines. Requests are spread over servers, lost servers leave their requests to the
others, weights are pushed after each update, and what comes back is checked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.records import Drawing
from training.samplers.servers.http import Http


@dataclass(frozen=True, slots=True)
class Ask:
    """One completion that is asked for."""

    token_ids: tuple[int, ...]
    """What the model reads."""
    max_tokens: int
    seed: int
    """Of 63 bits."""
    drawing: Drawing
    stop_ids: tuple[int, ...]
    """Ids that end the completion and are part of it."""
    stop: tuple[str, ...]
    """Strings that end it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The label of the weights that sampled tokens `start` to `end`."""

    version: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One completion, as a server gave it. Nothing of it is checked yet but its types."""

    token_ids: list[int]
    scored_ids: list[int]
    """The ids that `logprobs` are of."""
    logprobs: list[float]
    """At temperature 1 and not truncated."""
    finish_reason: str
    spans: list[Span]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of itself before the run begins."""

    names: tuple[str, ...]
    """Names and folders of the models that it serves."""
    longest: int | None
    """Most tokens of prompt and completion together."""


class ServerApi(ABC):
    """How servers of one engine are spoken to.

    Every method raises UnreachableError where another server may do better, and ServerError where this one refuses.

    Args:
        http: The client.
        adapted: Whether an adapter is trained and not all weights.
    """

    engine: str
    """Its name in messages."""
    key_variable: str
    """The environment variable that holds the servers' API key."""
    suspects: str
    """What makes its servers' log-probabilities others than the learner's, for the message that says so."""

    def __init__(self, http: Http, *, adapted: bool) -> None:
        self._http, self.adapted = http, adapted

    @abstractmethod
    async def facts(self, url: str, wanted: Drawing) -> Facts:
        """Ask a server what it serves.

        Raises:
            ConfigError: its settings do not fit a run that trains what this one does and draws as `wanted`.
        """

    @abstractmethod
    async def tokens(self, url: str, text: str) -> list[int]:
        """Split a text into tokens, without special ones."""

    @abstractmethod
    async def generate(self, url: str, ask: Ask, adapter: str) -> Answer:
        """Sample one completion with the named adapter, or with the server's own weights where the name is empty."""

    @abstractmethod
    async def load(self, url: str, folder: Path, label: str) -> None:
        """Replace all weights by those in a folder and label them. Requests in flight go on with the new weights, or
        are finished first.
        """

    @abstractmethod
    async def add_adapter(self, url: str, folder: Path, name: str) -> None:
        """Load the adapter in a folder beside those that are loaded."""

    @abstractmethod
    async def drop_adapter(self, url: str, name: str) -> None:
        """Forget an adapter that no request uses."""

    async def is_well(self, url: str) -> bool:
        """Say whether a server reports to be healthy."""
        return await self._http.is_well(url)

    async def call(self, url: str, path: str, kind: type[Any], body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        """POST a body, or GET where there is none."""
        return await self._http.call(url, path, kind, body)
