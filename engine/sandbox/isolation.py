"""Measure how well programs are confined, by attempts inside a real child and never by what was requested.

Level 3 has the system call filter, Landlock and name spaces. Level 2 has the filter and hides the host's files. Level 1
has the filter alone, so files can be read. Level 0 has resource limits alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.sandbox import namespaces
from engine.sandbox.wire import Request, Task
from engine.sandbox.worker import Worker, WorkerError

PROCESS_PROBES = ("fork", "exec", "signal", "socket", "trace", "chmod", "truncate", "raise_limit")
FILE_PROBES = ("read", "write")
LIMIT_PROBES = ("memory", "file_size", "limits")

_PROBE = """
import ctypes, json, mmap, os, resource, socket
target = json.loads(input())
def fork():
    if os.fork() == 0: os._exit(0)
    os.wait()
def exec_(): os.execv("/", ["/"])
def signal_(): os.kill(os.getppid(), 0)
def socket_(): socket.socket(socket.AF_INET).close()
def trace():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(0x4206, os.getppid(), 0, 0) != 0: raise PermissionError
def chmod(): os.chmod(target["file"], 0o644)
def truncate(): os.truncate(target["file"], os.stat(target["file"]).st_size)
def raise_limit(): resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))
def memory(): mmap.mmap(-1, 1 << 33).close()
def file_size(): os.ftruncate(0, 1 << 33)
def read(): open(target["file"]).read()
def write():
    open(target["folder"] + "/written", "w").close()
    os.unlink(target["folder"] + "/written")
stopped = {}
for name, attempt in dict(fork=fork, exec=exec_, signal=signal_, socket=socket_, trace=trace, chmod=chmod,
                          truncate=truncate, raise_limit=raise_limit, memory=memory, file_size=file_size, read=read,
                          write=write).items():
    try: attempt(); stopped[name] = False
    except FileNotFoundError: stopped[name] = True
    except PermissionError as error: stopped[name] = name != "exec" or error.errno == 1
    except ValueError: stopped[name] = name == "raise_limit"
    except MemoryError: stopped[name] = name == "memory"
    except OSError: stopped[name] = name in ("fork", "memory", "file_size")
limits = [resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)]
stopped["limits"] = all(limit != resource.RLIM_INFINITY for limit in limits)
stopped["environment"] = set(os.environ) <= {"LANG", "OPENBLAS_NUM_THREADS"}
print(json.dumps({"stopped": stopped, "parent": os.getppid()}))
"""
_IMPORTS = """
import importlib, json
failures = {}
for name in json.loads(input()):
    try: importlib.import_module(name)
    except Exception as error: failures[name] = f"{type(error).__name__}: {error}"
print(json.dumps(failures))
"""


class SandboxError(RuntimeError):
    """The sandbox is weaker than required. The message says what is missing and how to get it."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """The result of the measurement."""

    level: int
    layers: tuple[str, ...]
    missing: dict[str, str] = field(default_factory=dict)
    """Missing layers with the reason."""
    open_probes: tuple[str, ...] = ()
    """Forbidden attempts that succeeded inside the child."""

    def __str__(self) -> str:
        return f"{self.level}: {'+'.join(self.layers)}"


def measure(worker: Worker) -> Isolation:
    """Try, inside a child of `worker`, to do what must not be possible.

    Raises:
        WorkerError: the attempt itself failed.
    """
    with _canary() as file:
        answer = _ask(worker, _PROBE, json.dumps({"file": str(file), "folder": str(file.parent)}))
    stopped = answer["stopped"]
    spaces = namespaces.identities()
    apart = bool(worker.spaces) and all(spaces.get(kind) != inode for kind, inode in worker.spaces.items())
    layers = ["rlimits"] if all(stopped[name] for name in LIMIT_PROBES) else []
    processes = all(stopped[name] for name in PROCESS_PROBES)
    files = all(stopped[name] for name in FILE_PROBES)
    layers += ["seccomp"] if "seccomp" in worker.layers and processes else []
    layers += ["landlock"] if "landlock" in worker.layers and files else []
    layers += ["namespaces"] if apart and answer["parent"] == 1 else []
    level = 0
    if "seccomp" in layers and "rlimits" in layers:
        level = 1 + files + (files and "landlock" in layers and "namespaces" in layers)
    return Isolation(level, tuple(layers), worker.missing, tuple(name for name, held in stopped.items() if not held))


def failed_imports(worker: Worker, names: Sequence[str]) -> dict[str, str]:
    """Say which of these modules a program cannot import, and why.

    Raises:
        WorkerError: the attempt itself failed.
    """
    return _ask(worker, _IMPORTS, json.dumps(list(names)))


@contextlib.contextmanager
def _canary() -> Iterator[Path]:
    """Make a file that everybody may read, or take this module where there is no room for one."""
    try:
        folder = tempfile.mkdtemp(prefix="rltf-probe-")
    except OSError:
        yield Path(__file__).resolve()
        return
    try:
        Path(folder).chmod(0o755)
        file = Path(folder) / "canary"
        file.write_text("canary")
        yield file
    finally:
        shutil.rmtree(folder)


def _ask(worker: Worker, program: str, given: str) -> dict[str, Any]:
    task = Task("stdin", program.encode(), "", "", "", (given,), b"", 1 << 16, "")
    outcome = worker.run(task, Request(10.0, 20.0, 1 << 17))
    try:
        answer: dict[str, Any] = json.loads(outcome.output)
    except ValueError:
        raise WorkerError(f"the sandbox probe failed (status {outcome.reply.status})") from None
    return answer


def check(isolation: Isolation, require: int) -> None:
    """Refuse a sandbox below `require`. As root, always refuse one without a system call filter.

    Raises:
        SandboxError: programs must not run here.
    """
    reasons = [f"{layer}: {reason}" for layer, reason in isolation.missing.items()]
    reasons = reasons or [f"attempts that succeeded: {', '.join(isolation.open_probes)}"]
    advice = f"({'; '.join(reasons)}); `rltf doctor` says how to get the missing layers"
    if isolation.level == 0 and os.geteuid() == 0:
        raise SandboxError(f"programs do not run as root without a system call filter {advice}")
    if isolation.level < require:
        raise SandboxError(f"isolation level {isolation.level} is below the required {require} {advice}")
