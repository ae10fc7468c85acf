"""`rltf serve`: scores programs and completions over HTTP, for trainers that call a remote reward."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from engine.extras import needs

if TYPE_CHECKING:
    from aiohttp import web

TOKEN = "RLTF_SERVE_TOKEN"  # noqa: S105 (a variable's name)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    where = f"address to listen on (default 127.0.0.1); one that others reach needs a token in ${TOKEN}"
    parser.add_argument("--host", default="127.0.0.1", help=where)
    parser.add_argument("--port", type=int, default=8731, help="port to listen on (default 8731; 0 takes any)")
    parser.add_argument("--tokenizer", metavar="NAME", help="a model's name or folder: token ids can be scored")
    parser.add_argument("--format", choices=["apps", "mbpp", "humaneval"], help="completions are written as published")
    parser.add_argument("--extract", choices=["whole", "fence"], default="whole", help="the program in a completion")
    parser.add_argument("--stop", action="append", default=[], metavar="TEXT", help="ends a completion")
    parser.add_argument("--workers", metavar="N", type=int, help="worker processes of each kind (default: the cores)")
    parser.add_argument("--waiting", metavar="N", type=int, default=8192, help="most items that wait (default 8192)")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=600.0, help="of one request (default 600)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted. Returns the exit status."""
    from engine import SandboxError
    from training.models.tokenization import TokenizerError

    if fault := _fault(arguments):
        print(f"rltf serve: {fault}", file=sys.stderr)
        return 2
    try:
        runner = _runner(arguments)
    except (SandboxError, TokenizerError) as error:
        print(f"rltf serve: {error}", file=sys.stderr)
        return 1 if isinstance(error, SandboxError) else 2
    try:
        asyncio.run(_serve(runner, arguments.host, arguments.port))
    except OSError as error:
        print(f"rltf serve: {arguments.host}:{arguments.port}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _fault(arguments: argparse.Namespace) -> str:
    """Say what is wrong with the arguments. Empty where nothing is."""
    try:
        from integrations.server import is_loopback
    except ModuleNotFoundError as error:
        return needs(str(error.name), "serve")
    for name, least, most in (("port", 0, 65535), ("workers", 1, 4096), ("waiting", 1, 10**6), ("timeout", 1, 10**6)):
        value = getattr(arguments, name)
        if value is not None and not least <= value <= most:
            return f"--{name} is {value}; allowed: {least} to {most}"
    if not is_loopback(arguments.host) and not os.environ.get(TOKEN):
        return f"--host {arguments.host}: others than this machine could call it; set a token in ${TOKEN} first"
    return ""


def _runner(arguments: argparse.Namespace) -> web.AppRunner:
    from dataclasses import replace

    from engine import Engine
    from feedback import COMPLETION_FORMATS, CompletionFormat
    from integrations.server import ScoreService, ServiceLimits
    from training.models.tokenization import Tokenization

    tokenizer = Tokenization.load(arguments.tokenizer).tokenizer if arguments.tokenizer else None
    published = COMPLETION_FORMATS.get(arguments.format, CompletionFormat())
    stop = tuple(arguments.stop) or published.stop
    workers = arguments.workers or len(os.sched_getaffinity(0))
    service = ScoreService(
        Engine(workers, workers, trace_lines=True),
        tokenizer,
        completions=replace(published, extract=arguments.extract, stop=stop),
        limits=ServiceLimits(waiting=arguments.waiting, seconds=arguments.timeout),
        token=os.environ.get(TOKEN, ""),
    )
    return service.runner()


async def _serve(runner: web.AppRunner, host: str, port: int) -> None:
    """Listen, say where, and end in order on SIGINT or SIGTERM. A second one ends at once."""
    from aiohttp import web

    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        found = runner.addresses[0]
        print(f"rltf serve: listening on http://{found[0]}:{found[1]}; Ctrl-C ends it", flush=True)
        stop, loop, signals = asyncio.Event(), asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, stop.set)
        await stop.wait()
        print("rltf serve: answering what was begun (Ctrl-C again: ends at once)", file=sys.stderr)
        for number in signals:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
    finally:
        await runner.cleanup()
