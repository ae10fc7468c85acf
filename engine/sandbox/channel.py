"""Send length-prefixed JSON objects over a descriptor between referee and program. The sender is not trusted."""

from __future__ import annotations

import os
from typing import Any

from engine.sandbox.wire import LENGTH, MESSAGE_LIMIT, dump_line, load_line


class Lost(BaseException):
    """The other end is gone."""


class Channel:
    """One end of a channel. Both ends block."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, message: dict[str, object]) -> None:
        """Send a message. Raises Lost if the other end is gone."""
        line = dump_line(message)
        data = LENGTH.pack(len(line)) + line
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            raise Lost from None

    def receive(self) -> dict[str, Any]:
        """Return the next message, or an empty one if it cannot be read. Raises Lost at the end."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        if length > MESSAGE_LIMIT:
            raise Lost
        return load_line(self._read(length)) or {}

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            try:
                part = os.read(self._descriptor, min(size, 1 << 20))
            except OSError:
                raise Lost from None
            if not part:
                raise Lost
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
