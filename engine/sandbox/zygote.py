"""The worker process confines itself once, then forks one child for every task and supervises it to its end.

It imports little, starts no thread and never reads a task. A task arrives as descriptors of memory files that only the
child opens. Nothing of one program, and never an expected output, is left in memory for the next program.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
import select
import signal
import socket
import struct
import sys
from typing import Any, NoReturn

from engine.sandbox import child, landlock, namespaces, packages, privileges, seccomp
from engine.sandbox.preparation import rehearse, warm_up
from engine.sandbox.python_files import python_files
from engine.sandbox.traces import Traces, open_pid_counter
from engine.sandbox.watch import Watch
from engine.sandbox.wire import (
    ADDED,
    ASLEEP,
    EXITED,
    MARK,
    PLACES,
    REFUSED,
    REPLY,
    REQUEST,
    RUSAGE,
    Request,
    dump_line,
    load_line,
)

_RESERVED = 8
"""Descriptors below this are the child's; the zygote's own lie above."""
_ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
"""A program's environment: without a locale, `locale.setlocale(locale.LC_ALL, "")` would make the rest of it ASCII."""
_ASLEEP = REPLY.pack(*[0] * 19, ASLEEP, False, False, 0)
_libc = ctypes.CDLL(None, use_errno=True)
_PROCESSES = 256
"""Threads of a program, where they can be counted apart from the user's other processes."""


def main() -> None:
    """Serve the supervisor at descriptor 0 until it closes its end."""
    control = socket.socket(fileno=os.dup2(0, 100))
    settings: dict[str, Any] = load_line(control.makefile("rb").readline()) or {}
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(_RESERVED):
        if descriptor != 2:
            os.dup2(null, descriptor)
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whoever started us may have blocked some: no program's matter
    privileges.die_with_parent()
    hello, traces = _confine(settings)
    os.dup2(null, 2)
    writable = "landlock" in hello["layers"] or "namespaces" in hello["layers"]
    filtering = None
    if "seccomp" in hello["layers"]:
        shared, filtering = seccomp.filters(writable, temporary=traces is not None)
    _forget_ourselves()
    if filtering is not None:
        shared.install()
    control.sendall(dump_line(hello))
    try:
        _serve_tasks(control, filtering, traces)
    finally:
        os._exit(0)


def _confine(settings: dict[str, Any]) -> tuple[dict[str, Any], Traces | None]:
    """Put up the layers that are asked for and offered.

    Returns:
        Which layers there are, and why not the others. What has to be set back between programs, in name spaces.
    """
    layers, missing, spaces = ["rlimits"], {}, None
    pids = open_pid_counter()
    files = python_files(settings["packages"])
    if "namespaces" in settings["layers"]:
        try:
            spaces = namespaces.enter(files)
            layers.append("namespaces")
        except OSError as error:
            os.write(2, f"namespaces: {error}".encode())
            os._exit(REFUSED)
    warm_up()
    packages.offer(settings["packages"])
    privileges.drop_privileges(privileges.CHECKPOINT_RESTORE if spaces else None)
    temporary = spaces.temporary if spaces else []
    if "landlock" in settings["layers"]:
        try:
            landlock.restrict(files.readable, [os.devnull, *temporary])
            layers.append("landlock")
        except OSError as error:
            missing["landlock"] = str(error)
    if "seccomp" in settings["layers"]:
        try:
            _try_filter()
            layers.append("seccomp")
        except OSError as error:
            missing["seccomp"] = str(error)
    processes = (_PROCESSES if spaces else None) if "seccomp" in layers else 0
    privileges.limit_resources(settings["memory_bytes"], processes)
    for descriptor in temporary:
        os.close(descriptor)
    identities = spaces.identities if spaces else {}
    hello = {"layers": layers, "missing": missing, "spaces": identities, "landlock_abi": landlock.abi()}
    return hello, Traces(spaces.launcher, pids) if spaces else None


def _try_filter() -> None:
    """Install the filters in a child that does nothing else. Raises OSError if that fails."""
    filters = seccomp.filters(writable=True, temporary=True)
    pid = os.fork()
    if pid == 0:
        try:
            for each in filters:
                each.install(os.getpid())
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, f"seccomp filter refused: {os.strerror(code) if code > 0 else code}")


def _forget_ourselves() -> None:
    """Leave nothing of this package for a program to import, then freeze what is shared."""
    for name in [name for name in sys.modules if name.split(".")[0] in ("engine", "solution")]:
        del sys.modules[name]
    os.environ.clear()
    os.environ.update(_ENVIRONMENT)
    gc.collect()
    rehearse()
    if hasattr(_libc, "malloc_trim"):  # of glibc
        _libc.malloc_trim(0)  # what is free, no child need copy
    gc.freeze()
    gc.disable()  # nothing here makes circles; a child enables it again


def _serve_tasks(control: socket.socket, filtering: seccomp.Filter | None, traces: Traces | None) -> None:
    mark_read, mark_write = (_move_up(descriptor) for descriptor in os.pipe())
    os.set_blocking(mark_read, False)
    os.dup2(mark_write, MARK)
    for place in PLACES:  # what arrives takes the lowest free descriptors: the child finds each in its place
        os.close(place)
    reply = ctypes.create_string_buffer(REPLY.size)
    while _serve_task(control, filtering, traces, mark_read, reply):
        ctypes.memset(reply, 0, len(reply))  # the next child has a copy of this memory


def _serve_task(
    control: socket.socket,
    filtering: seccomp.Filter | None,
    traces: Traces | None,
    mark: int,
    reply: ctypes.Array[ctypes.c_char],
) -> bool:
    """Run one child to its end. Returns False where there is no further request.

    All that is known of a child lies in this frame. The next child, which can look at its parent's frames and objects,
    finds nothing of it.
    """
    header, descriptors, _flags, _address = socket.recv_fds(control, REQUEST.size, len(PLACES))
    if len(header) < REQUEST.size:
        return False
    if tuple(descriptors) != PLACES[: len(descriptors)]:
        raise OSError(f"descriptors arrived as {descriptors}")
    request = Request(*REQUEST.unpack(header))
    if traces is not None:
        traces.set_back()
    pid = os.fork()
    if pid == 0:
        _enter_child(request, len(descriptors) == len(PLACES), filtering, traces is not None)
    for descriptor in descriptors:
        os.close(descriptor)
    watch = Watch(pid, request, mark)
    stopped = _supervise(control, pid, watch, reply)
    worn = traces is not None and traces.clear()
    struct.pack_into("@B??q", reply, ADDED, stopped, watch.begun, worn, int(watch.idle * 1e9))
    control.sendall(reply)
    return True


def _move_up(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 50)
    os.close(descriptor)
    return moved


def _enter_child(request: Request, channel: bool, filtering: seccomp.Filter | None, capable: bool) -> NoReturn:
    if os.getppid() != 1:  # process 1 takes its children along
        privileges.die_with_parent()
    if capable:
        privileges.drop_capabilities()
    pid = os.getpid()
    child.run_child(request, lambda: filtering.install(pid) if filtering else None, channel)


def _supervise(control: socket.socket, pid: int, watch: Watch, reply: ctypes.Array[ctypes.c_char]) -> int:
    """Wait for the child, stop it when its time is over, and leave nothing of it.

    Its status and what it used go from the kernel into `reply`: no object of this process ever holds them.
    """
    handle = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.register(control, select.POLLIN)
    stopped, told = EXITED, False
    while True:
        ready = dict(poller.poll(int(watch.wait * 1000) + 1))
        if control.fileno() in ready:
            os.kill(pid, signal.SIGKILL)
            os._exit(0)  # the supervisor is gone, and so are we
        if handle in ready:
            break
        stopped = watch.look()
        if stopped != EXITED:
            os.kill(pid, signal.SIGKILL)
            break
        if watch.idle > 0 and not told:
            control.sendall(_ASLEEP)
            told = True
    _libc.wait4(pid, reply, 0, ctypes.byref(reply, RUSAGE))
    if os.getpid() == 1:
        _kill_all()
    os.close(handle)
    return stopped


def _kill_all() -> None:
    """Kill, as process 1, whatever the child may have left. Exceptions would cost more than all else that is done."""
    if _libc.kill(-1, signal.SIGKILL) == 0:
        while _libc.wait4(-1, None, 0, None) > 0:
            pass
