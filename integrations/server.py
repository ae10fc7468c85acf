"""`rltf serve`: scoring over HTTP, for trainers that call a remote reward.

    POST /score    {"items": [{"token_ids": [...], "problem": {...}, "finish_reason"?, "id"?}, ...], "detail"?}
                   in place of `token_ids`: `completion`, or `program`, or `program_b64`
                   -> {"results": [...]} in the same order, each a line of `rltf feedback --batch` with its rewards
    GET  /health   whether it takes work, and how well programs are confined
    GET  /metrics  counts and times, as Prometheus reads them

Programs are executed by the engine's confined workers and nowhere else. This process parses JSON and problems.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from engine import ProgramEngine
from feedback import CompletionFormat, Feedback, RewardSettings, Scorer, to_json
from integrations.items import finish_reason_of, problem_of, program_of

_READ_SECONDS = 60.0
"""A body that takes longer to arrive is given up."""
_NO_IDS = "`token_ids` must be a list of integers from 0"
_NO_TOKENIZER = "`token_ids` need a tokenizer: start `rltf serve --tokenizer NAME`"
_KINDS = ("token_ids", "completion", "program", "program_b64")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ItemError(ValueError):
    """An item that cannot be scored, whoever tries."""


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """How much a service takes on."""

    items: int = 1024
    """Items of one request."""
    request_bytes: int = 16 << 20
    """Bytes of a request's body."""
    waiting: int = 8192
    """Items accepted and not yet scored. A request that would exceed it is refused with status 429."""
    seconds: float = 600.0
    """A request that takes longer is answered with status 504. What it began goes on, cached for the next try."""


class ScoreService:
    """An engine behind HTTP.

    Args:
        engine: Judges and reads the programs; closed with the service.
        tokenizer: The tokenizer that `token_ids` are from; None refuses them.
        completions: How programs are written in `token_ids` and `completion`.
        settings: The reward settings.
        limits: How much it takes on.
        token: What callers must send as `Authorization: Bearer TOKEN`; empty asks for nothing.
    """

    def __init__(
        self,
        engine: ProgramEngine,
        tokenizer: object | None = None,
        *,
        completions: CompletionFormat | None = None,
        settings: RewardSettings | None = None,
        limits: ServiceLimits | None = None,
        token: str = "",
    ) -> None:
        self._engine, self._tokenizer = engine, tokenizer is not None
        self._scorer = Scorer(tokenizer, engine, completions=completions, settings=settings)
        self._programs = Scorer(None, engine, settings=settings)
        self._limits, self._token = limits or ServiceLimits(), token.encode()
        self._threads = ThreadPoolExecutor(1, "rltf-submit")  # submitting blocks while very many programs wait
        self._waiting = 0
        self._metrics = _Metrics(lambda: self._waiting)

    def runner(self) -> web.AppRunner:
        """Make what serves it. Cleaning that up ends the engine's workers."""
        app = web.Application(client_max_size=self._limits.request_bytes, middlewares=[self._answered, self._allowed])
        app.add_routes(
            [
                web.post("/score", self._score),
                web.get("/health", self._health),
                web.get("/metrics", self._show_metrics),
            ]
        )
        app.on_cleanup.append(self._close)
        return web.AppRunner(app, access_log=None, auto_decompress=False)  # a small body may unpack to gigabytes

    async def _score(self, request: web.Request) -> web.Response:
        items, detail = self._items(await _body(request))
        if self._waiting + len(items) > self._limits.waiting:
            text = f"{self._waiting} items are waiting; at most {self._limits.waiting} may: try again"
            raise web.HTTPTooManyRequests(text=text, headers={"Retry-After": "1"})
        self._waiting += len(items)
        begin, loop = time.monotonic(), asyncio.get_running_loop()
        submitted = loop.run_in_executor(self._threads, self._submitted, items, loop)
        try:
            async with asyncio.timeout(self._limits.seconds):
                scored = await asyncio.shield(submitted)  # what was accepted is begun, whoever waits for it
                found = await asyncio.gather(*map(asyncio.wrap_future, scored), return_exceptions=True)
        except TimeoutError:
            text = f"not scored within {self._limits.seconds:g} seconds; what was begun goes on"
            raise web.HTTPGatewayTimeout(text=text) from None
        self._metrics.seconds.observe(time.monotonic() - begin)
        results = [self._result(item, feedback, detail=detail) for item, feedback in zip(items, found, strict=True)]
        return web.json_response({"results": results})

    def _items(self, data: object) -> tuple[list[Any], bool]:
        items = data.get("items") if isinstance(data, dict) else None
        if not isinstance(items, list):
            raise web.HTTPBadRequest(text='the body must be {"items": [...]}')
        most = min(self._limits.items, self._limits.waiting)  # one that could never be accepted is told so at once
        if len(items) > most:
            text = f"{len(items)} items; at most {most} in one request"
            raise web.HTTPRequestEntityTooLarge(most, len(items), text=text)
        return items, isinstance(data, dict) and data.get("detail") is True

    def _submitted(self, items: list[Any], loop: asyncio.AbstractEventLoop) -> list[Future[Feedback]]:
        """Start on all items, in a thread of its own. A malformed one becomes a future with the error."""
        futures = []
        for item in items:
            try:
                future = self._start(item)
            except Exception as error:  # told in the item's result
                future = Future()
                future.set_exception(error)
            future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._finished))
            futures.append(future)
        return futures

    def _finished(self) -> None:
        self._waiting -= 1

    def _start(self, item: object) -> Future[Feedback]:
        if not isinstance(item, Mapping):
            raise ItemError(f"an item must be an object, is {type(item).__name__}")
        kinds = [name for name in _KINDS if name in item]
        if len(kinds) != 1:
            raise ItemError(f"give one of {', '.join(_KINDS)}")
        try:
            problem, reason = problem_of(item.get("problem")), finish_reason_of(item)
            program = program_of(item) if kinds[0].startswith("program") else b""
        except (ValueError, RecursionError) as error:
            raise ItemError(str(error)) from None
        match kinds[0], item[kinds[0]]:
            case "token_ids", list() as ids if self._tokenizer and all(type(one) is int and one >= 0 for one in ids):
                return self._scorer.submit(ids, problem, reason)
            case "token_ids", _:
                raise ItemError(_NO_IDS if self._tokenizer else _NO_TOKENIZER)
            case "completion", str() as text:
                return self._scorer.submit_text(text.encode(errors="surrogatepass"), problem, reason)
            case "completion", _:
                raise ItemError("`completion` must be a string")
        return self._programs.submit_text(program, problem, reason)

    def _result(self, item: object, feedback: Feedback | BaseException, *, detail: bool) -> dict[str, Any]:
        identity = item.get("id") if isinstance(item, Mapping) else None
        if isinstance(feedback, ItemError):
            self._metrics.programs.labels("malformed").inc()
            return {"id": identity, "problem_error": str(feedback)}
        if isinstance(feedback, BaseException):
            self._metrics.programs.labels("infra").inc()
            reason = f"{type(feedback).__name__}: {feedback}"
            return {"id": identity, "verdict": "infra", "masked": True, "infra_reason": reason}
        self._metrics.programs.labels(str(feedback.report.execution.verdict)).inc()
        result = to_json(feedback, identity, tokens=detail)
        result |= {"masked": feedback.masked, **{name: feedback.outcome(name) for name in ("coarse", "adaptive")}}
        if isinstance(item, Mapping) and "token_ids" in item:
            result["token_rewards"] = feedback.token_rewards.tolist()
        return result

    async def _health(self, _: web.Request) -> web.Response:
        full = self._waiting >= self._limits.waiting
        state = {"status": "full" if full else "ok", "waiting": self._waiting, "isolation": str(self._engine.isolation)}
        return web.json_response(state, status=503 if full else 200)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics.registry), content_type="text/plain", charset="utf-8")

    @web.middleware
    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer every error with one line of JSON, and count."""
        try:
            response = await handler(request)
        except web.HTTPException as error:
            headers = {name: error.headers[name] for name in ("Retry-After", "Allow") if name in error.headers}
            response = web.json_response({"error": error.text}, status=error.status, headers=headers)
        path = request.path if request.match_info.http_exception is None else "other"
        self._metrics.requests.labels(path, str(response.status)).inc()
        return response

    @web.middleware
    async def _allowed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse callers without the token, and web pages that a browser on this machine shows."""
        if self._token:
            given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
            if request.path != "/health" and not hmac.compare_digest(given, b"Bearer " + self._token):
                raise web.HTTPUnauthorized(text="send the token as `Authorization: Bearer TOKEN`")
        elif not is_loopback(_host(request)):  # a name that was made to lead here
            raise web.HTTPForbidden(text=f"host {request.host!r}: only this machine's own name is answered")
        plain = request.content_type == "application/json" and "Content-Encoding" not in request.headers
        if request.method == "POST" and not plain:
            raise web.HTTPUnsupportedMediaType(text="the body must be application/json, and not compressed")
        return await handler(request)

    async def _close(self, _: web.Application) -> None:
        loop = asyncio.get_running_loop()
        for scorer in (self._programs, self._scorer):
            await loop.run_in_executor(None, scorer.close)
        self._threads.shutdown()


class _Metrics:
    def __init__(self, waiting: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("rltf_requests", "Requests answered.", ["path", "status"], registry=self.registry)
        self.programs = Counter("rltf_programs", "Items scored.", ["verdict"], registry=self.registry)
        self.seconds = Histogram("rltf_request_seconds", "Time to score a request.", registry=self.registry)
        Gauge("rltf_waiting", "Items accepted and not scored yet.", registry=self.registry).set_function(waiting)


def is_loopback(host: str) -> bool:
    """Say whether a host's name or address is this machine's own alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host(request: web.Request) -> str:
    try:
        return request.url.host or ""
    except ValueError:  # its port is none
        return ""


async def _body(request: web.Request) -> object:
    try:
        body = await asyncio.wait_for(request.read(), _READ_SECONDS)
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body did not arrive within {_READ_SECONDS:g} seconds") from None
    except web.RequestPayloadError:
        raise web.HTTPBadRequest(text="the body's chunks are malformed") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"the body is not JSON ({error})") from None
