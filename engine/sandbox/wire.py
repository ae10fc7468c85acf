"""The protocol between supervisor, zygote and child, byte by byte.

A task goes down as a fixed header with descriptors. Its content lies in a memory file that only the child reads, so
nothing of a program or its inputs ever enters the zygote. The answer comes up as a fixed header. What the child says
lies in another memory file, as lines of JSON that are trusted in nothing once the program has begun.
"""

from __future__ import annotations

import json
import marshal
import struct
from typing import Any, NamedTuple, cast

REQUEST = struct.Struct("<ddQ")
REPLY = struct.Struct("@i18qB??q")
"""The status and the `struct rusage` of `wait4` as the kernel wrote them, then what the zygote adds."""
RUSAGE, ADDED = 8, 152
"""Where the resource usage and what the zygote adds begin in a reply."""
BEGUN = struct.Struct("<q")
"""The child's CPU clock in ns when the program begins."""
LENGTH = struct.Struct("<I")

STDIN, STDOUT, STDERR, RECORDS, MARK, CHANNEL = range(6)
"""Descriptors of a child. `MARK` takes `BEGUN`, and is closed before the program's first line. `CHANNEL` exists with a
referee only."""
PLACES = (STDIN, STDOUT, RECORDS, CHANNEL)
"""Of those, the ones that arrive with a task, in this order."""
REFUSED = 3
"""Exit status of a worker that may not enter name spaces: it may be half inside; another is started."""
OUT_OF_MEMORY = 77
"""Exit status of a child that has no memory left even to say so."""
TOO_LONG = 78
"""Exit status of a child whose program asks to sleep for longer than it may (`engine.sandbox.long_sleep`)."""

BUSIEST = 30.0
"""How much slower than the CPU's clock the wall's may run for a program that computes: a machine as busy as that makes
no false time-outs."""
MESSAGE_LIMIT = 1 << 26
"""Maximum number of bytes of one message between referee and program."""


class Request(NamedTuple):
    """Limits of one child."""

    cpu: float
    """CPU seconds of all tests together, with as many again to begin."""
    idle: float
    """Seconds that it may sleep or wait."""
    file_bytes: int
    """Largest file it may write: its output and its records."""


class Reply(NamedTuple):
    """The end of a child."""

    status: int
    """The status, as from `os.waitpid`."""
    stopped: int
    """One of `EXITED`, `CPU`, `IDLE`: whether the zygote had to kill it, and why. `ASLEEP`: no reply yet, but the child
    sleeps."""
    begun: bool
    """Whether the program's first line was reached."""
    cpu_ns: int
    idle_ns: int
    peak_memory: int
    """Bytes."""
    worn: bool
    """Whether the worker must run no other program after this one."""


def read_reply(data: bytes) -> Reply:
    """Read the reply in the zygote's own bytes."""
    status, *usage, stopped, begun, worn, idle = REPLY.unpack(data)
    if stopped == EXITED and status == TOO_LONG << 8:
        stopped = IDLE
    seconds, microseconds = usage[0] + usage[2], usage[1] + usage[3]
    return Reply(status, stopped, begun, (seconds * 10**6 + microseconds) * 1000, idle, usage[4] * 1024, worn)


EXITED, CPU, IDLE, ASLEEP = range(4)


class Task(NamedTuple):
    """The task of one child, which the child alone reads. Only `referee` and `check` tasks hold expected outputs."""

    mode: str
    """`stdin`, `call`, `serve` (answer a referee's calls), `referee` (run tests against a served program) or `check`
    (ask the problem's checker about answers)."""
    source: bytes
    """The program; the problem's checker for `referee` and `check`."""
    prelude: str
    setup: str
    entry_point: str
    tests: tuple[Any, ...]
    """Inputs: text for `stdin`, (name, args, kwargs) for `call`, test source for a referee, a line of input, expected
    and actual output for `check`. No child knows which of the problem's tests they are."""
    code: bytes
    """The compiled program, marshalled; the child compiles where there is none."""
    output_bytes: int
    trace: str
    """What else to record: nothing, `lines` that run or `states` of variables."""


def pack_task(task: Task) -> bytes:
    """Write the content of a task file."""
    return marshal.dumps(tuple(task))


def unpack_task(data: bytes) -> Task:
    """Read the task in a task file."""
    return Task(*marshal.loads(data))  # noqa: S302 (comes from the supervisor, through a file nobody else has)


def dump_line(record: dict[str, object]) -> bytes:
    """Write a record as one line of ASCII."""
    return _dumps(record).encode("ascii") + b"\n"


def load_line(line: bytes) -> dict[str, Any] | None:
    """Read a record as a dict. Anything else gives None."""
    try:
        text = str(line, "ascii").rstrip()
        record, end = _loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", record) if isinstance(record, dict) and end == len(text) else None


_loads = json.JSONDecoder().raw_decode
_dumps = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(",", ":")).encode
