"""Frame messages between a process and the workers it starts: a record as MessagePack, with its length before it.

A receiver decodes what comes into one type, because the other side may be in hostile hands.
"""

from __future__ import annotations

import socket
import struct
from typing import IO, Protocol

import msgspec

_LENGTH = struct.Struct("<I")


class Reads(Protocol):
    """Anything that can be read from as a file."""

    def read(self, size: int, /) -> bytes: ...


def send(stream: IO[bytes] | socket.socket, message: object) -> None:
    """Write one message. Raises BrokenPipeError where the other side is gone."""
    data = msgspec.msgpack.encode(message)
    if isinstance(stream, socket.socket):
        stream.sendall(_LENGTH.pack(len(data)) + data)
    else:
        stream.write(_LENGTH.pack(len(data)) + data)
        stream.flush()


def receive(stream: Reads, most_bytes: int = (1 << 32) - 1) -> bytes | None:
    """Read one message, still encoded. None where the other side is gone or says more than `most_bytes`."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > most_bytes:
        return None
    data = stream.read(length)
    return data if len(data) == length else None
