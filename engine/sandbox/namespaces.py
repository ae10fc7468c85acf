"""Put a worker into name spaces, alone with its children, without network, with Python's own files and nothing else.

User, process, network, IPC, UTS and mount name spaces are made without privilege where the kernel lets users do so. The
root is a read-only memory file system. The standard library and system libraries are bound into it, beside `/dev/null`
and an empty `/tmp` of limited size.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from typing import NamedTuple, NoReturn

from engine.sandbox.privileges import die_with_parent
from engine.sandbox.python_files import PythonFiles, contains

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_NOATIME, _NODIRATIME, _RELATIME = 1024, 2048, 1 << 21
_DETACH = 2
_PATH = os.O_PATH | os.O_CLOEXEC
KINDS = ("ipc", "mnt", "net", "pid", "user", "uts")
TEMPORARY = "/tmp"  # noqa: S108 (inside the name space: empty, private and small)
TEMPORARY_BYTES = 16 << 20
_TEMPORARY_FILES = 1000
TEMPORARIES = 32
"""Number of private directories of a worker. Each program that uses one has it for itself alone."""
_AS_IT_WAS, _NEXT, _WORN = b"=", b"x", b"."

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]


def identities() -> dict[str, int]:
    """Return the inode of each of this process's name spaces. Equal numbers mean a shared one. Empty without /proc."""
    try:
        return {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in KINDS}
    except OSError:
        return {}


class Spaces(NamedTuple):
    """New name spaces, seen from within."""

    identities: dict[str, int]
    temporary: list[int]
    """Open directories: one private `/tmp` upon the other, each hidden by the next."""
    launcher: int
    """The socket of the process that takes away the uppermost."""


def enter(files: PythonFiles) -> Spaces:
    """Enter new name spaces as their process 1. Returns in that process only.

    Args:
        files: Files to show, read-only, at their own paths.

    Raises:
        OSError: the kernel refuses. This process may then be half inside and must exit.
    """
    user, group = os.geteuid(), os.getegid()
    _check(_libc.unshare(_NEWUSER | _NEWNS | _NEWIPC | _NEWUTS | _NEWNET | _NEWPID), "unshare")
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)
    die_with_parent()  # again: becoming another user cleared it
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child:
        _launch(child, theirs.fileno())
    theirs.close()
    die_with_parent()
    return Spaces(identities(), _build_root(files), ours.detach())


def clear_temporary(launcher: int) -> bool:
    """Have the launcher remove a `/tmp` that was used, with all that is in it, which uncovers the next one.

    The first call tells the launcher what an unused one looks like.

    Returns:
        Whether it was used and there is no next one.
    """
    os.write(launcher, b"?")
    answer = os.read(launcher, 1)
    if not answer:
        raise OSError(errno.EPIPE, "the launcher is gone")
    if answer == _NEXT:
        os.chdir(TEMPORARY)
    return answer == _WORN


def _launch(child: int, zygote: int) -> NoReturn:
    """Run the launcher, which does what process 1 has no capability for. No program can reach it.

    It holds no other descriptor, so the supervisor sees the end of process 1 at once. How many directories were used,
    and when, is known here alone, because programs have a copy of process 1's memory.
    """
    os.closerange(0, zygote)
    os.closerange(zygote + 1, 1 << 16)
    spare, unused = TEMPORARIES - 1, 0
    while os.read(zygote, 1):
        answer = _AS_IT_WAS
        changed = os.stat(TEMPORARY).st_ctime_ns  # tells whatever was made, removed or changed, and nobody can set it
        if unused and changed != unused:
            answer = _NEXT if spare else _WORN
            if spare:
                _check(_libc.umount2(os.fsencode(TEMPORARY), _DETACH), "umount")
                spare, changed = spare - 1, os.stat(TEMPORARY).st_ctime_ns
        unused = changed
        os.write(zygote, answer)
    _pid, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _build_root(files: PythonFiles) -> list[int]:
    """Make a root that shows `files`, and enter it. Returns the open directories that lie at `/tmp`.

    What lies in `/tmp` is opened before the new root covers it, and mounted again into the private `/tmp`.
    """
    root = TEMPORARY
    _mount("none", "/", None, _REC | _PRIVATE)
    covers = [
        path for path in files.hidden if _is_directory(path) and any(contains(top, path) for top in files.visible)
    ]
    shown = [path for path in files.visible if not any(contains(cover, path) for cover in covers)]
    sources = {path: os.open(path, _PATH) for path in files.visible}
    _mount("root", root, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    for path in _outermost(shown):
        _show(root, path, sources[path])
    for cover in covers:
        _mount("empty", root + cover, "tmpfs", _NOSUID | _NODEV, "size=64k,mode=755")
        for path in _outermost([path for path in files.visible if contains(cover, path)]):
            _show(root, path, sources[path])
        _mount("none", root + cover, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    _make_directory(root, TEMPORARY)
    inside = {name: os.open(f"{root}{TEMPORARY}/{name}", _PATH) for name in os.listdir(root + TEMPORARY)}
    options = f"size={TEMPORARY_BYTES},nr_inodes={_TEMPORARY_FILES},mode=1777"
    temporary = []
    for _ in range(TEMPORARIES):
        _mount("tmp", root + TEMPORARY, "tmpfs", _NOSUID | _NODEV | _NOEXEC | _NOATIME, options)
        for name, source in inside.items():
            _show(root, f"{TEMPORARY}/{name}", source)
        temporary.append(os.open(root + TEMPORARY, _PATH))
    _make_directory(root, "/dev")
    os.close(os.open(root + "/dev/null", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
    _mount("/dev/null", root + "/dev/null", None, _BIND)
    _read_only(root + "/dev/null", _NOSUID)  # its mode and times; what is written to it is lost all the same
    for source in [*sources.values(), *inside.values()]:
        os.close(source)
    os.chdir(root)
    _check(_libc.syscall(_pivot_number(), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _DETACH), "umount")
    _mount("none", "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(TEMPORARY)
    return temporary


def _is_directory(path: str) -> bool:
    """Say whether there is a directory of that name, and not a link, which would not show its target."""
    return os.path.isdir(path) and not os.path.islink(path)


def _show(root: str, path: str, source: int) -> None:
    """Bind the open directory `source` into the new root, read-only, at `path`."""
    _make_directory(root, path)
    _mount(f"/proc/self/fd/{source}", root + path, None, _BIND | _REC)
    _read_only(root + path)


def _pivot_number() -> int:
    return {"x86_64": 155, "aarch64": 41}[os.uname().machine]


def _outermost(paths: list[str]) -> list[str]:
    """Return the paths that lie in no other of them."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda path: path.split("/")):
        if not kept or not contains(kept[-1], path):
            kept.append(path)
    return kept


def _make_directory(root: str, path: str) -> None:
    os.makedirs(root + path, mode=0o755, exist_ok=True)


def _read_only(path: str, more: int = _NOSUID | _NODEV) -> None:
    """Make a bind mount read-only. Flags that the host locked must be kept."""
    flags = os.statvfs(path).f_flag
    locked = {_NOSUID: _NOSUID, _NODEV: _NODEV, _NOEXEC: _NOEXEC, _NOATIME: _NOATIME, _NODIRATIME: _NODIRATIME}
    kept = sum(bit for bit, flag in locked.items() if flags & flag)
    kept |= _RELATIME if flags & 4096 else 0  # ST_RELATIME
    _mount("none", path, None, _REMOUNT | _BIND | _RDONLY | more | kept)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    encoded = None if kind is None else kind.encode()
    result = _libc.mount(os.fsencode(source), os.fsencode(target), encoded, flags, options.encode() or None)
    _check(result, f"mount of {source} at {target}")


def _check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what} refused: {os.strerror(code)}")
