"""A jail for hostile programs: a hole in the sandbox under test costs a failing test and not this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_HOME = "/home/user"

Jail = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def jail() -> Jail:
    """Runs Python files of this checkout in own name spaces, as an unprivileged user, with read-only files.

    Made with bubblewrap, which `make test` installs where apt works.
    """
    if shutil.which("bwrap") and _works(_bubblewrap(60, True, ())):
        return lambda *files, seconds=900, users=True: _run(_bubblewrap(seconds, users, files), files, seconds)
    pytest.skip("no jail for hostile programs: bubblewrap is missing or cannot work here (`make jail` installs it)")


def _works(command: list[str]) -> bool:
    return subprocess.run([*command, sys.executable, "-c", ""], capture_output=True, check=False).returncode == 0


def _run(command: list[str], arguments: tuple[Path, ...], seconds: float) -> subprocess.CompletedProcess[str]:
    python = [*command, sys.executable, *map(str, arguments)]
    return subprocess.run(python, capture_output=True, text=True, timeout=seconds + 20, check=False)


def _visible(files: tuple[Path, ...]) -> list[Path]:
    """Python, its packages, this checkout and `files`: read-only in the jail, at their own places."""
    elsewhere = [file for file in files if ROOT not in file.parents]
    return [Path(sys.base_prefix), Path(sys.prefix), ROOT, *elsewhere]


def _bubblewrap(seconds: int, users: bool, files: tuple[Path, ...]) -> list[str]:
    command = [
        "timeout",
        "-k",
        "2",
        str(seconds),
        "bwrap",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
    ]
    command += [
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        "--setenv",
        "LANG",
        "C.UTF-8",
        "--setenv",
        "HOME",
        _HOME,
    ]
    command += ["--setenv", "SECRET_TOKEN", "canary-secret-123", "--setenv", "PYTHONDONTWRITEBYTECODE", "1"]
    if not users:  # as in an ordinary container: nobody may make name spaces
        command += ["--unshare-user", "--disable-userns"]
    elif os.geteuid() != 0:
        command += ["--unshare-user"]
    command += ["--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev"]
    for link in ("lib", "lib64", "bin", "sbin"):
        if Path("/", link).is_symlink():
            command += ["--symlink", f"usr/{link}", f"/{link}"]
        elif Path("/", link).is_dir():
            command += ["--ro-bind", f"/{link}", f"/{link}"]
    for folder in ("/dev/shm", "/tmp", "/home", "/root"):
        command += ["--size", str(1 << 28), "--perms", "1777", "--tmpfs", folder]
    for path in _visible(files):
        for parent in [*reversed(path.parents)][1:]:
            if parent not in (Path("/usr"), Path("/root"), Path("/home"), Path("/tmp")):
                command += ["--perms", "755", "--dir", str(parent)]
        command += ["--ro-bind", str(path), str(path)]
    command += ["--chdir", str(ROOT)]
    if os.geteuid() == 0 and users:
        command += _unprivileged()
    return [*command, "prlimit", "--nproc=400", "--core=0", "--fsize=67108864"]


def _unprivileged() -> list[str]:
    user = f"--reuid={100000 + os.getpid()}"
    drop = ["--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    return ["setpriv", user, *drop]
