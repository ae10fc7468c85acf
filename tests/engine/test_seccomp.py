"""The system call filters as data, for both architectures: what each lets through, run by a BPF interpreter in Python.

The kernel runs them on x86_64 in `test_sandbox.py` and `hostile/`; for aarch64 this is all that is tested.
"""

import errno
from collections.abc import Sequence

import pytest

from engine.sandbox.seccomp import _MACHINES, _PID, Instruction, _allow_list, _child_checks

ALLOW, KILL, PRETENDED = "allow", "kill", "success without doing anything"


def run(program: Sequence[Instruction], arch: int, number: int, arguments: Sequence[int] = ()) -> str:
    """What a filter says to a call, as the kernel would work it out."""
    words = {0: number, 4: arch}
    for index, argument in enumerate([*arguments, 0, 0, 0, 0, 0, 0][:6]):
        words |= {16 + 8 * index: argument & 0xFFFFFFFF, 20 + 8 * index: argument >> 32 & 0xFFFFFFFF}
    value, at = 0, 0
    while True:
        code, jump, other, constant = program[at]
        at += 1
        if code == 0x20:
            value = words[constant]
        elif code == 0x54:
            value &= constant
        elif code == 0x05:
            at += constant
        elif code in (0x15, 0x35):
            at += jump if (value == constant if code == 0x15 else value >= constant) else other
        else:
            assert code == 0x06
            answers = {0x7FFF0000: ALLOW, 0x80000000: KILL, 0x00050000: PRETENDED}
            return answers.get(constant) or errno.errorcode[constant & 0xFFFF]


def said(machine: str, number: int, *arguments: int, temporary: bool = False) -> str:
    """What the two filters of a child say together: the stricter one counts."""
    column, arch = _MACHINES[machine]
    programs = (_allow_list(column, arch, True, temporary), _child_checks(column))
    answers = [run(program, arch, number, arguments) for program in programs]
    return next((answer for answer in answers if answer != ALLOW), ALLOW)


CALLS = {  # from the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h
    "x86_64": {
        **{"read": 0, "write": 1, "mmap": 9, "kill": 62, "clone": 56, "execve": 59, "ptrace": 101, "socket": 41, "openat": 257},
        **{"prlimit64": 302, "tgkill": 234, "setns": 308, "bpf": 321, "clone3": 435, "socketpair": 53, "fchmodat": 268},
        **{"pidfd_open": 434, "memfd_create": 319, "unshare": 272, "mount": 165, "io_uring_setup": 425, "futex": 202},
        **{"flock": 73, "fcntl": 72, "capset": 126, "utimensat": 280, "fgetxattr": 193, "setxattr": 188, "fchmod": 91},
    },
    "aarch64": {
        **{"read": 63, "write": 64, "mmap": 222, "kill": 129, "clone": 220, "execve": 221, "ptrace": 117, "socket": 198, "openat": 56},
        **{"prlimit64": 261, "tgkill": 131, "setns": 268, "bpf": 280, "clone3": 435, "socketpair": 199, "fchmodat": 53},
        **{"pidfd_open": 434, "memfd_create": 279, "unshare": 97, "mount": 40, "io_uring_setup": 425, "futex": 98},
        **{"flock": 32, "fcntl": 25, "capset": 91, "utimensat": 88, "fgetxattr": 10, "setxattr": 5, "fchmod": 52},
    },
}  # fmt: skip
THREAD = 0x3D0F00
VERDICTS = [
    ("read", (), ALLOW),
    ("futex", (), ALLOW),
    ("mmap", (), ALLOW),
    ("openat", (0, 0, 0o102), ALLOW),
    ("openat", (0, 0, 0o20200002), "ENOTSUP"),
    ("flock", (1, 2), PRETENDED),
    ("fcntl", (1, 4, 2048), ALLOW),
    ("fcntl", (1, 5), ALLOW),
    *[("fcntl", (1, command), PRETENDED) for command in (6, 7, 37, 38)],
    *[("fcntl", (1, command), "EPERM") for command in (8, 10, 1026, 1033)],
    ("capset", (), "EPERM"),
    ("utimensat", (-100 & 0xFFFFFFFF, 4096), "EPERM"),
    ("fchmod", (1, 0), "EPERM"),
    ("fgetxattr", (), "ENOTSUP"),
    ("setxattr", (), "EPERM"),
    ("execve", (), "EPERM"),
    ("ptrace", (), "EPERM"),
    ("socket", (2, 1), "EPERM"),
    ("mount", (), "EPERM"),
    ("setns", (), "EPERM"),
    ("unshare", (), "EPERM"),
    ("bpf", (), "EPERM"),
    ("memfd_create", (), "EPERM"),
    ("io_uring_setup", (), "EPERM"),
    ("pidfd_open", (), "EPERM"),
    ("fchmodat", (), "EPERM"),
    ("clone3", (), "ENOSYS"),
    ("clone", (THREAD,), ALLOW),
    ("clone", (17,), "EPERM"),
    ("clone", (THREAD | 0x10000000,), "EPERM"),
    ("clone", (THREAD | 0x20000,), "EPERM"),
    ("kill", (_PID, 9), ALLOW),
    ("kill", (1, 9), "EPERM"),
    ("kill", (-1, 9), "EPERM"),
    ("kill", (0, 9), "EPERM"),
    ("tgkill", (_PID, 5, 9), ALLOW),
    ("tgkill", (1, 1, 9), "EPERM"),
    ("prlimit64", (0, 7, 0, 4096), ALLOW),
    ("prlimit64", (0, 7, 4096, 0), "EPERM"),
    ("prlimit64", (0, 7, 1 << 32, 0), "EPERM"),
    ("prlimit64", (0, 3, 4096, 0), ALLOW),
    ("prlimit64", (1, 3, 4096, 0), "EPERM"),
    ("socketpair", (1, 1), ALLOW),
    ("socketpair", (1, 2), "EPERM"),
    ("socketpair", (2, 1), "EPERM"),
]


@pytest.mark.parametrize("machine", CALLS)
@pytest.mark.parametrize(("name", "arguments", "expected"), VERDICTS)
def test_a_child_may_do_what_it_needs_and_nothing_else(machine, name, arguments, expected):
    assert said(machine, CALLS[machine][name], *arguments) == expected


@pytest.mark.parametrize("machine", CALLS)
def test_with_a_private_directory_modes_and_times_may_be_changed_by_path_and_never_by_descriptor(machine):
    calls = CALLS[machine]
    assert said(machine, calls["fchmodat"], 0, 4096, 0o600, temporary=True) == ALLOW
    for path in (4096, 1 << 32, 0x7FFF00000000):
        assert said(machine, calls["utimensat"], 0xFFFFFF9C, path, 0, 0, temporary=True) == ALLOW
        assert said(machine, calls["utimensat"], 2, path, 0, 0x1000, temporary=True) == "EPERM"
    assert said(machine, calls["utimensat"], 2, 0, 0, 0, temporary=True) == "EPERM"
    assert said(machine, calls["fchmod"], 2, 0, temporary=True) == "EPERM"


@pytest.mark.parametrize("machine", CALLS)
def test_a_foreign_architecture_is_killed_and_unknown_calls_are_refused(machine):
    column, arch = _MACHINES[machine]
    program = _allow_list(column, arch, True)
    assert {run(program, other, 0) for _, other in _MACHINES.values() if other != arch} == {KILL}
    assert run(program, arch, 0x40000000 + 1) == KILL
    assert {said(machine, number) for number in range(443, 600)} == {"EPERM"}


@pytest.mark.parametrize("machine", CALLS)
def test_without_another_layer_for_files_nothing_is_opened_for_writing(machine):
    column, arch = _MACHINES[machine]
    program = _allow_list(column, arch, False)
    assert run(program, arch, CALLS[machine]["openat"], (0, 0, 0)) == ALLOW
    assert {run(program, arch, CALLS[machine]["openat"], (0, 0, flags)) for flags in (1, 2, 0o100, 0o1000)} == {"EPERM"}


@pytest.mark.parametrize("machine", CALLS)
def test_a_filter_is_short_enough_for_the_kernel_and_its_jumps_for_bpf(machine):
    column, arch = _MACHINES[machine]
    for program in (_allow_list(column, arch, True), _allow_list(column, arch, False), _child_checks(column)):
        assert len(program) <= 4096
        assert all(max(jump, other) <= 255 for _, jump, other, _ in program)
