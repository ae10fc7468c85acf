"""The system calls a program may make: an allow-list compiled to BPF, installed with nothing but ctypes.

Allowed is what computing, reading files, threads and standard streams need. Everything else fails with EPERM, so
that the program sees an ordinary PermissionError with a line number: new processes, signals to others, sockets,
tracing, modes and times of files outside a private `/tmp`, name spaces, shared memory, priorities, limits. A foreign
ABI (32-bit, x32) kills.

A filter cannot look behind pointers. Which files may be opened is the business of `landlock` and `namespaces`. Where
neither is offered, opening for writing is refused here by its flags.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Sequence

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_PR_GET_DUMPABLE, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 3, 22, 2

_X32_BIT = 0x40000000
_THREAD_FLAGS = 0x00000100 | 0x00000800 | 0x00010000  # CLONE_VM, CLONE_SIGHAND, CLONE_THREAD
_NEW_SPACES = 0x7E020000  # CLONE_NEWNS and the other name spaces
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND
_FCNTL = (0, 1, 2, 3, 4, 5, 9, 1030, 1032, 36)  # no F_SETOWN, F_SETSIG, F_NOTIFY: they send signals
_LOCKS = (6, 7, 37, 38)  # F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW
_TEMPORARY_FILE = 0o20000000  # O_TMPFILE without O_DIRECTORY
_EMPTY_PATH = 0x1000
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_STACK = 3  # RLIMIT_STACK
_PRCTL = (15, 16)  # PR_SET_NAME, PR_GET_NAME

_Table = dict[str, tuple[int | None, int | None]]
# name: (x86_64, aarch64); None where the architecture lacks the call
_PLAIN: _Table = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None),
    "poll": (7, None), "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67),
    "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66), "access": (21, None), "pipe": (22, None),
    "select": (23, None), "sched_yield": (24, 124), "mremap": (25, 216), "msync": (26, 227), "mincore": (27, 232),
    "madvise": (28, 233), "dup": (32, 23), "dup2": (33, None), "pause": (34, None), "nanosleep": (35, 101),
    "getitimer": (36, 102), "alarm": (37, None), "setitimer": (38, 103), "getpid": (39, 172), "sendfile": (40, 71),
    "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212), "shutdown": (48, 210),
    "getsockname": (51, 204), "getpeername": (52, 205), "setsockopt": (54, 208), "getsockopt": (55, 209),
    "exit": (60, 93), "wait4": (61, 260), "uname": (63, 160), "fsync": (74, 82),
    "fdatasync": (75, 83), "ftruncate": (77, 46), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50),
    "readlink": (89, None), "umask": (95, 166), "gettimeofday": (96, 169), "getrlimit": (97, 163),
    "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153), "getuid": (102, 174), "getgid": (104, 176),
    "geteuid": (107, 175), "getegid": (108, 177), "getppid": (110, 173), "getpgrp": (111, None),
    "getgroups": (115, 158), "getresuid": (118, 148), "getresgid": (120, 150), "getpgid": (121, 155),
    "getsid": (124, 156), "rt_sigpending": (127, 136), "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132),
    "statfs": (137, 43), "fstatfs": (138, 44), "getpriority": (140, 141), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "arch_prctl": (158, None), "gettid": (186, 178), "time": (201, None), "futex": (202, 98),
    "sched_getaffinity": (204, 123), "getdents64": (217, 61), "set_tid_address": (218, 96),
    "restart_syscall": (219, 128), "fadvise64": (221, 223), "timer_create": (222, 107), "timer_settime": (223, 110),
    "timer_gettime": (224, 108), "timer_getoverrun": (225, 109), "timer_delete": (226, 111),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94),
    "epoll_wait": (232, None), "epoll_ctl": (233, 21), "waitid": (247, 95), "newfstatat": (262, 79),
    "readlinkat": (267, 78), "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73),
    "set_robust_list": (273, 99), "get_robust_list": (274, 100), "epoll_pwait": (281, 22), "timerfd_create": (283, 85),
    "fallocate": (285, 47), "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87), "eventfd2": (290, 19),
    "epoll_create1": (291, 20), "dup3": (292, 24), "pipe2": (293, 59), "preadv": (295, 69), "pwritev": (296, 70),
    "getcpu": (309, 168), "getrandom": (318, 278), "membarrier": (324, 283), "copy_file_range": (326, 285),
    "preadv2": (327, 286), "pwritev2": (328, 287), "statx": (332, 291), "rseq": (334, 293), "close_range": (436, 436),
    "faccessat2": (439, 439), "epoll_pwait2": (441, 441),
}  # fmt: skip
_CHANGING: _Table = {
    "rename": (82, None), "mkdir": (83, None), "rmdir": (84, None), "creat": (85, None), "link": (86, None),
    "unlink": (87, None), "symlink": (88, None), "mkdirat": (258, 34), "unlinkat": (263, 35),
    "renameat": (264, 38), "linkat": (265, 37), "symlinkat": (266, 36), "renameat2": (316, 276),
}  # fmt: skip
"""Changes of directories. `truncate` is not among them: Landlock knows it from Linux 6.2 on only."""
_ABSENT: _Table = {"clone3": (435, 435), "openat2": (437, 437)}
"""Answered with ENOSYS: libraries then take the older call, whose arguments can be checked."""
_PRETENDED: _Table = {"flock": (73, 32)}
"""Answered with success, and nothing is done, as for locks by `fcntl`: a program has nobody to share a file with, and a
lock on a file that all programs see would be a message."""
_UNSUPPORTED: _Table = {
    "getxattr": (191, 8), "lgetxattr": (192, 9), "fgetxattr": (193, 10), "listxattr": (194, 11),
    "llistxattr": (195, 12), "flistxattr": (196, 13),
}  # fmt: skip
"""Answered as file systems do that have no extended attributes."""
_CHECKED: _Table = {
    "open": (2, None), "openat": (257, 56), "clone": (56, 220), "prlimit64": (302, 261), "tgkill": (234, 131),
    "kill": (62, 129), "socketpair": (53, 199), "ioctl": (16, 29), "fcntl": (72, 25), "prctl": (157, 167),
    "utimensat": (280, 88),
}  # fmt: skip

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, constant."""


_MODES: _Table = {"chmod": (90, None), "fchmodat": (268, 53)}
"""Allowed where the only files that can be changed are those of the private `/tmp`."""
_ZYGOTE_ONLY: _Table = {"pidfd_open": (434, 434), "capset": (126, 91)}
"""What the zygote needs besides, and no child may do."""
_ZYGOTE_MORE = ("clone", "kill", "prlimit64", "prctl", "tgkill")
"""Calls that the zygote may make with any arguments; a child's are checked."""
_CLERK_ONLY: _Table = {"memfd_create": (319, 279)}
"""What a clerk needs besides: it starts nothing, and signals nobody."""


class Filter:
    """A compiled filter, ready to be installed."""

    def __init__(self, program: list[Instruction]) -> None:
        self._pids = [index for index, instruction in enumerate(program) if instruction[3] == _PID]
        packed = b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
        self._code = ctypes.create_string_buffer(packed, len(packed))
        self._header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(self._code)))
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        self._prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
        self._prctl(_PR_GET_DUMPABLE, 0, None, 0, 0)  # resolves the call before the first fork

    def install(self, pid: int = 0) -> None:
        """Put this process, of id `pid`, under the filter for good.

        Needs `no_new_privs`; raises OSError if the kernel refuses.
        """
        for index in self._pids:
            struct.pack_into("<I", self._code, index * 8 + 4, pid)
        if self._prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(self._header), 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"seccomp filter refused: {errno.errorcode.get(code, code)}")


_PID = 0x7A7A7A7A
"""Stands in the compiled filter for the child's process id."""


def filters(writable: bool, temporary: bool = False) -> tuple[Filter, Filter]:
    """Make the allow-list for the zygote and its children, and the small filter that a child adds for itself.

    Together they are what a program may do; two, because a long filter takes the kernel long to install.

    Args:
        writable: whether another layer decides which files may be changed.
        temporary: whether nothing can be changed but a private directory, so that modes and times may be.

    Raises:
        OSError: there is no table for this machine's architecture.
    """
    column, arch = _machine()
    return Filter(_allow_list(column, arch, writable, temporary)), Filter(_child_checks(column))


def clerk_filter() -> Filter:
    """Make the filter of a clerk (`engine.clerk`). Raises OSError as `filters` does."""
    return Filter(_allow_list(*_machine(), writable=False, more=_CLERK_ONLY, unchecked=()))


def _machine() -> tuple[int, int]:
    machine = platform.machine()
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no system call table for {machine}; there is one for {', '.join(_MACHINES)}")
    return _MACHINES[machine]


def _allow_list(
    column: int,
    arch: int,
    writable: bool,
    temporary: bool = False,
    more: _Table = _ZYGOTE_ONLY,
    unchecked: Sequence[str] = _ZYGOTE_MORE,
) -> list[Instruction]:
    """Architecture, then a binary search over call numbers, then the checks of arguments.

    Args:
        column: of the tables, for this architecture.
        arch: its number.
        writable: as in `filters`.
        temporary: as in `filters`.
        more: calls that are allowed besides.
        unchecked: calls that are allowed with any arguments.
    """
    tables = [
        (_PLAIN, "allow"),
        (_CHANGING, "allow" if writable else "deny"),
        (_MODES, "allow" if temporary else "deny"),
        (_ABSENT, "absent"),
        (_PRETENDED, "pretend"),
        (_UNSUPPORTED, "unsupported"),
        (more, "allow"),
    ]
    actions = {number: action for table, action in tables for number in _numbers(table, column).values()}
    checked = _numbers(_CHECKED, column)
    actions |= {number: "allow" if name in unchecked else name for name, number in checked.items()}
    blocks = {name: _check(name, writable, temporary) for name in checked}
    answers = {"deny": errno.EPERM, "absent": errno.ENOSYS, "unsupported": errno.ENOTSUP, "pretend": 0}
    blocks |= {"allow": [_ret(_ALLOW)], **{name: [_ret(_ERRNO | number)] for name, number in answers.items()}}
    start: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        _ret(_KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32_BIT),
        _ret(_KILL),
    ]
    return start + _search(_ranges(actions), blocks)


def _child_checks(column: int) -> list[Instruction]:
    """Check what a child may not do although the zygote may. Everything else is left to the allow-list."""
    program: list[Instruction] = [(_LOAD, 0, 0, _NUMBER)]
    checked = {name: number for name, number in _numbers(_CHECKED, column).items() if name in _ZYGOTE_MORE}
    for name, number in (checked | _numbers(_ZYGOTE_ONLY, column)).items():
        block = _check(name) if name in checked else [_ret(_ERRNO | errno.EPERM)]
        program += [(_EQUAL, 0, len(block), number), *block]
    return [*program, _ret(_ALLOW)]


def _numbers(table: _Table, column: int) -> dict[str, int]:
    """Call numbers of this architecture."""
    return {name: number for name, numbers in table.items() if (number := numbers[column]) is not None}


def _ret(value: int) -> Instruction:
    return (_RETURN, 0, 0, value)


def _ranges(actions: dict[int, str]) -> list[tuple[int, str]]:
    """First number of each run of calls with the same action."""
    ranges = [(0, actions.get(0, "deny"))]
    for number in range(1, max(actions) + 2):
        action = actions.get(number, "deny")
        if action != ranges[-1][1]:
            ranges.append((number, action))
    return ranges


def _search(ranges: Sequence[tuple[int, str]], blocks: dict[str, list[Instruction]]) -> list[Instruction]:
    """Build a decision tree in place. Each leaf is a copy of its block, so that no jump is longer than 255."""
    if len(ranges) == 1:
        return blocks[ranges[0][1]]
    middle = len(ranges) // 2
    low, high = _search(ranges[:middle], blocks), _search(ranges[middle:], blocks)
    return [(_AT_LEAST, 0, 1, ranges[middle][0]), (0x05, 0, 0, len(low)), *low, *high]  # jump over `low`


def _check(name: str, writable: bool = True, temporary: bool = False) -> list[Instruction]:
    """Give instructions that allow the call `name` if its arguments are harmless."""
    if name in ("open", "openat"):
        load = (_LOAD, 0, 0, _ARGUMENTS + 8 * (1 if name == "open" else 2))
        unnamed = [load, (_AND, 0, 0, _TEMPORARY_FILE), (_EQUAL, 1, 0, 0), _ret(_ERRNO | errno.ENOTSUP)]
        flags = [load, (_AND, 0, 0, _WRITING), (_EQUAL, 1, 0, 0), _ret(_ERRNO | errno.EPERM)]
        return [*unnamed, *([] if writable else flags), _ret(_ALLOW)]
    if name == "utimensat":  # of a path, never of a descriptor
        path = [(_LOAD, 0, 0, _ARGUMENTS + 8), (_EQUAL, 0, 3, 0), (_LOAD, 0, 0, _ARGUMENTS + 12), (_EQUAL, 0, 1, 0)]
        checks = [*path, _ret(_ERRNO | errno.EPERM), *_masked(3, _EMPTY_PATH, 0)]
        return checks if temporary else [_ret(_ERRNO | errno.EPERM)]
    if name == "fcntl":
        load = (_LOAD, 0, 0, _ARGUMENTS + 8)
        locks = [(_EQUAL, len(_LOCKS) - index, 0, value) for index, value in enumerate(_LOCKS)]
        return [load, *locks, (0x05, 0, 0, 1), _ret(_ERRNO), *_one_of(1, _FCNTL)]
    if name == "clone":
        return _masked(0, _THREAD_FLAGS | _NEW_SPACES, _THREAD_FLAGS)
    if name in ("kill", "tgkill"):
        return _one_of(0, (_PID,))
    if name == "socketpair":
        return [(_LOAD, 0, 0, _ARGUMENTS), (_EQUAL, 1, 0, 1), _ret(_ERRNO | errno.EPERM), *_masked(1, 0xF, 1)]
    if name == "prlimit64":  # no new limits (the pointer to them must be null) but of its own stack
        null = [(_LOAD, 0, 0, _ARGUMENTS + 16), (_EQUAL, 0, 3, 0), (_LOAD, 0, 0, _ARGUMENTS + 20), (_EQUAL, 0, 1, 0)]
        own = [(_LOAD, 0, 0, _ARGUMENTS), (_EQUAL, 0, 3, 0), (_LOAD, 0, 0, _ARGUMENTS + 8), (_EQUAL, 0, 1, _STACK)]
        return [*null, _ret(_ALLOW), *own, _ret(_ALLOW), _ret(_ERRNO | errno.EPERM)]
    return _one_of(*{"ioctl": (1, _IOCTL), "prctl": (0, _PRCTL)}[name])


def _masked(argument: int, mask: int, value: int) -> list[Instruction]:
    """Allow if `argument & mask == value` (low 32 bits)."""
    load = (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)
    return [load, (_AND, 0, 0, mask), (_EQUAL, 0, 1, value), _ret(_ALLOW), _ret(_ERRNO | errno.EPERM)]


def _one_of(argument: int, values: Sequence[int]) -> list[Instruction]:
    """Allow if the low 32 bits of `argument` are one of `values`."""
    tests = [(_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *tests, _ret(_ERRNO | errno.EPERM), _ret(_ALLOW)]
