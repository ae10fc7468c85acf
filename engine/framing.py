"""Messages between a process and the workers it starts: MessagePack of a record, its length before it.

What this module does not do: trust the other side (its receiver decodes into one type), or start processes.
"""

from __future__ import annotations

import struct
from typing import IO

import msgspec

_LENGTH = struct.Struct("<I")


def send(stream: IO[bytes], message: object) -> None:
    """Write one message; raises BrokenPipeError where the other side is gone."""
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message, still encoded; None where the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None
