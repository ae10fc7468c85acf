"""Processes that train together, started from one that has torch loaded: seconds instead of minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch.distributed

from tests.commands import fork

ENGINES = {
    "data parallel": {},
    "fsdp2": {
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
        "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
        "FSDP_RESHARD_AFTER_FORWARD": "true",
    },
    "zero 1": {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"},
    "zero 2": {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"},
}
"""What `accelerate launch` leaves in the environment for each of its ways."""

_STORES: list[torch.distributed.TCPStore] = []
"""One for each call of `start`; they serve until the tests end."""


def start(
    work: Callable[..., None],
    arguments: tuple[object, ...],
    log: Path,
    *,
    engine: str = "data parallel",
    count: int = 2,
):
    """`count` processes doing `work(*arguments)` as a launcher would start them; what they print goes to `log`."""
    # As torchrun does, the launcher holds the store, so its port is bound before anybody is told of it.
    _STORES.append(torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False))
    processes = []
    for rank in range(count):
        environment = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _STORES[-1].port, **ENGINES[engine]}
        environment |= {"TORCHELASTIC_USE_AGENT_STORE": True}
        processes.append(fork(work, arguments, log, log, {name: str(value) for name, value in environment.items()}))
    return processes


def ended(processes, seconds: float = 900) -> list[int]:
    """Their exit statuses, once all have ended."""
    for process in processes:
        process.join(seconds)
    for process in processes:
        if process.is_alive():
            process.kill()
    assert all(process.exitcode is not None for process in processes), "a process was still running"
    return [process.exitcode for process in processes]
