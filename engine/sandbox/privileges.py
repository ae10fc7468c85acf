"""Give up a worker's privileges before it meets a program: session, capabilities, dumpability, resources.

This process and its children can never regain them.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(0x20080522, 0)
_CAPABILITY_SETS = ctypes.c_uint32 * 6
"""Effective, permitted and inheritable capabilities: the low words, then the high ones."""
_NOTHING = _CAPABILITY_SETS()
_LAST_CAPABILITY = 63
CHECKPOINT_RESTORE = 40
"""The capability to set the last process id of one's own name space, and little else (Linux 5.9)."""
STACK_BYTES = 64 << 20
"""Stack of the main thread: deep recursion through C (`functools.lru_cache`, `sorted`) is legal.

A program may ask for more, as some do."""
OPEN_FILES = 64

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_capset = _libc.capset
_capset.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_HEADER_AT, _NOTHING_AT = ctypes.addressof(_CAPABILITY_HEADER), ctypes.addressof(_NOTHING)
"""Numbers, because every child drops its capabilities, and to convert an array is dear."""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def drop_privileges(kept: int | None = None) -> None:
    """Drop all capabilities for good, and hide this process's memory from others of the same user.

    Args:
        kept: A capability that stays until `drop_capabilities`.
    """
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    drop_capabilities(kept)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs refused")
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def drop_capabilities(kept: int | None = None) -> None:
    """Give up all capabilities but one."""
    sets = _NOTHING_AT
    if kept is not None:
        some = _CAPABILITY_SETS()
        some[3 * (kept // 32)] = some[3 * (kept // 32) + 1] = 1 << kept % 32
        sets = ctypes.addressof(some)
    if _capset(_HEADER_AT, sets) != 0 and (os.geteuid() == 0 or kept is not None):
        raise OSError(ctypes.get_errno(), "capabilities could not be dropped")


def limit_resources(memory_bytes: int, processes: int | None) -> None:
    """Set limits that every child of this process inherits. A child can lower them but never lift them."""
    limits = [(resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, OPEN_FILES)]
    limits += [(resource.RLIMIT_MEMLOCK, 0), (resource.RLIMIT_MSGQUEUE, 0)]
    if processes is not None:
        limits.append((resource.RLIMIT_NPROC, processes))
    for kind, value in limits:
        _soft, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))
    _soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    stack = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, hard))
