"""A service in a thread of its own, on a real port."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from aiohttp import web


@contextlib.contextmanager
def served(service):
    """Serve until the block ends; gives the address."""
    started, ended, address = threading.Event(), asyncio.Event(), []

    async def serve():
        runner = service.runner()
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address.extend([f"http://127.0.0.1:{runner.addresses[0][1]}", asyncio.get_running_loop()])
        started.set()
        await ended.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait()
    try:
        yield address[0]
    finally:
        address[1].call_soon_threadsafe(ended.set)
        thread.join(120)
        assert not thread.is_alive()
