"""A client of `rltf serve` on the standard library alone, to copy into any trainer's reward function."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.client import IncompleteRead
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

_AGAIN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


class ScoreError(RuntimeError):
    """The service refused a request, or could not be reached in time."""


class ScoreClient:
    """Scores items at a service. Waits while the service is full.

    Args:
        url: Where `rltf serve` listens, such as http://127.0.0.1:8731.
        token: What it asks for, if anything.
        seconds: How long one call may take, with all waiting.
        batch: Items in one request. One that is too large for the service is sent in halves.

    Raises:
        ValueError: the url is not one of HTTP.
    """

    def __init__(self, url: str, token: str = "", *, seconds: float = 600.0, batch: int = 256) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"url: {url!r} must begin with http:// or https://")
        self._url, self._seconds, self._batch = url.rstrip("/") + "/score", seconds, batch
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def score(self, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Score items. The results come in their order.

        Raises:
            ScoreError: the service refuses them, or does not answer in time.
        """
        end = time.monotonic() + self._seconds
        return [result for batch in self._batches(items) for result in self._post(batch, end)]

    def _batches(self, items: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
        for start in range(0, len(items), self._batch):
            yield items[start : start + self._batch]

    def _post(self, items: Sequence[Mapping[str, Any]], end: float) -> list[dict[str, Any]]:
        body, pause = json.dumps({"items": list(items)}).encode(), 0.05
        while True:
            try:
                request = Request(self._url, body, self._headers)  # noqa: S310 (the caller's own address)
                with urlopen(request, timeout=max(0.1, end - time.monotonic())) as answer:  # noqa: S310
                    results: list[dict[str, Any]] = json.load(answer)["results"]
                    return results
            except HTTPError as error:
                if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and len(items) > 1:
                    middle = len(items) // 2
                    return self._post(items[:middle], end) + self._post(items[middle:], end)
                reason, again = f"{error.code}: {error.read().decode(errors='replace')[:300]}", error.code in _AGAIN
            except (URLError, OSError, IncompleteRead) as error:  # not there yet, or gone for a moment
                reason, again = str(error), True
            if not again or time.monotonic() + pause >= end:
                raise ScoreError(f"{self._url}: {reason}")
            time.sleep(pause)
            pause = min(2.0, 2 * pause)
