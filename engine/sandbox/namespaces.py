"""Name spaces: a worker alone with its children, without network, seeing Python's own files and nothing else.

User, process, network, IPC, UTS and mount name spaces, made without privilege where the kernel lets users do so.
The root is a read-only memory file system with the standard library and system libraries bound into it, an empty
`/tmp` of limited size and `/dev/null`.

What this module does not do: start anything but the one fork that enters the process name space.
"""

from __future__ import annotations

import ctypes
import os
import stat
import time

from engine.sandbox.privileges import die_with_parent

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
KINDS = ("ipc", "mnt", "net", "pid", "user", "uts")
TEMPORARY = "/tmp"  # noqa: S108 (inside the name space: empty, private and small)
TEMPORARY_BYTES = 16 << 20
_TEMPORARY_FILES = 1000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]


def identities() -> dict[str, int]:
    """Inode of each of this process's name spaces: equal numbers mean a shared one. Empty where /proc is hidden."""
    try:
        return {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in KINDS}
    except OSError:
        return {}


def enter(visible: list[str], hidden: list[str]) -> dict[str, int]:
    """Enters new name spaces as process 1 of its own; returns in that process only.

    Args:
        visible: directories to see, read-only, at their own paths.
        hidden: directories within them to see empty, but for what is `visible` in these.

    Returns:
        The identities of the new name spaces.

    Raises:
        OSError: the kernel does not let this process do so; it may then be half inside and must exit.
    """
    user, group = os.geteuid(), os.getegid()
    _check(_libc.unshare(_NEWUSER | _NEWNS | _NEWIPC | _NEWUTS | _NEWNET | _NEWPID), "unshare")
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)
    die_with_parent()  # again: becoming another user cleared it
    child = os.fork()
    if child:
        _wait_and_exit(child)
    die_with_parent()
    spaces = identities()
    _build_root(visible, hidden)
    return spaces


def sweep() -> None:
    """Empties the temporary directory, whatever a program has put there.

    Directories are moved up before they are emptied, so that no path gets long and nothing recurses.
    """
    top = TEMPORARY.encode()
    moved = 0
    while names := os.listdir(top):
        for name in names:
            path = top + b"/" + name
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                moved += 1
                if stat.S_ISDIR(os.lstat(path + b"/" + inner).st_mode):
                    os.chmod(path + b"/" + inner, 0o700)  # a directory must be writable to be moved
                os.rename(path + b"/" + inner, top + b"/.%d-%d" % (moved, time.monotonic_ns()))
            os.rmdir(path)


def _wait_and_exit(child: int) -> None:
    """The launcher: holds no descriptor, so that the supervisor sees the end of process 1 at once."""
    os.closerange(0, 1 << 16)
    _pid, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _build_root(visible: list[str], hidden: list[str]) -> None:
    root = TEMPORARY
    _mount("none", "/", None, _REC | _PRIVATE)
    _mount("root", root, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    covers = [path for path in hidden if os.path.isdir(path) and any(_within(path, parent) for parent in visible)]
    shown = [path for path in visible if not any(_within(path, cover) for cover in covers)]
    for path in _outermost(shown):
        _show(root, path)
    for cover in covers:
        _mount("empty", root + cover, "tmpfs", _NOSUID | _NODEV, "size=64k,mode=755")
        for path in _outermost([path for path in visible if _within(path, cover)]):
            _show(root, path)
        _mount("none", root + cover, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    _make_directory(root, TEMPORARY)
    options = f"size={TEMPORARY_BYTES},nr_inodes={_TEMPORARY_FILES},mode=1777"
    _mount("tmp", root + TEMPORARY, "tmpfs", _NOSUID | _NODEV | _NOEXEC, options)
    _make_directory(root, "/dev")
    os.close(os.open(root + "/dev/null", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
    _mount("/dev/null", root + "/dev/null", None, _BIND)
    os.chdir(root)
    _check(_libc.syscall(_pivot_number(), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _DETACH), "umount")
    _mount("none", "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(TEMPORARY)


def _within(path: str, parent: str) -> bool:
    return path.startswith(parent.rstrip("/") + "/")


def _show(root: str, path: str) -> None:
    """Binds a directory into the new root, read-only, at its own path."""
    _make_directory(root, path)
    _mount(path, root + path, None, _BIND | _REC)
    _read_only(root + path)


def _pivot_number() -> int:
    return {"x86_64": 155, "aarch64": 41}[os.uname().machine]


def _outermost(paths: list[str]) -> list[str]:
    """The paths that lie in no other of them, existing directories only."""
    kept: list[str] = []
    for path in sorted({os.path.realpath(path) for path in paths if os.path.isdir(path)}):
        if not kept or not _within(path, kept[-1]):
            kept.append(path)
    return kept


def _make_directory(root: str, path: str) -> None:
    os.makedirs(root + path, mode=0o755, exist_ok=True)


def _read_only(path: str) -> None:
    """Makes a bind mount read-only; flags that the host locked must be kept."""
    flags = os.statvfs(path).f_flag
    locked = {_NOSUID: _NOSUID, _NODEV: _NODEV, _NOEXEC: _NOEXEC, _NOATIME: _NOATIME, _NODIRATIME: _NODIRATIME}
    kept = sum(bit for bit, flag in locked.items() if flags & flag)
    kept |= _RELATIME if flags & 4096 else 0  # ST_RELATIME
    _mount("none", path, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV | kept)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    encoded = None if kind is None else kind.encode()
    result = _libc.mount(source.encode(), target.encode(), encoded, flags, options.encode() or None)
    _check(result, f"mount of {source} at {target}")


def _check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what} refused: {os.strerror(code)}")
