"""Landlock restricts the files that a worker and its children may open. It needs Linux 5.13 and no privilege.

Every right that the kernel knows is handled: files, TCP ports (ABI 4), and abstract Unix sockets and signals out of the
sandbox (ABI 6). What is not granted fails with EACCES. Landlock does not stop `chmod`, `utime`, `stat`, UDP or path
Unix sockets, but `seccomp` does.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Sequence

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same on every architecture
_VERSION = 1
_PATH_BENEATH = 1
_O_PATH = 0o10000000

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_FS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """Return the kernel's Landlock ABI, or 0 where it offers none."""
    return max(int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))), 0)


def restrict(readable: Sequence[str], writable: Sequence[str | int]) -> None:
    """Confine this thread and all that it starts to the given paths. It needs `no_new_privs`.

    Args:
        readable: Files to read, and directories to read with all that is in them.
        writable: Files and directories to read and change, by path or opened.

    Raises:
        OSError: the kernel offers no Landlock, or refuses.
    """
    version = abi()
    if version == 0:
        raise OSError(errno.ENOSYS, "the kernel offers no Landlock")
    handled = _FS_BY_ABI[max(known for known in _FS_BY_ABI if known <= version)]
    attributes = struct.pack("QQQ", handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    attributes = attributes[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for paths, rights in ((readable, _READ), (writable, handled & ~_EXECUTE)):
            for path in paths:
                _allow(ruleset, path, rights & handled)
        _call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str | int, rights: int) -> None:
    """Grant `rights` beneath `path`. A path that does not exist grants nothing."""
    try:
        descriptor = os.dup(path) if isinstance(path, int) else os.open(path, _O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FILE_RIGHTS
        rule = struct.pack("=Qi", rights, descriptor)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock refused: {os.strerror(code)}")
    return result
