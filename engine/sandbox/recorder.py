"""The child's records of how each test ended. All of it may be forged by the program that it reports on."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from engine.sandbox import program
from engine.sandbox.failures import describe
from engine.sandbox.lines import LineTrace
from engine.sandbox.states import StateTrace
from engine.sandbox.wire import RECORDS, STDIN, STDOUT, Task, dump_line

_reopened = [False]
"""Whether the program opened a descriptor of its own: such a file closes the descriptor when it is collected, later."""
_reserve = [bytes(1 << 22)]
"""Address space given back to the process when the program has used up all of it.

`bytes` touches none of it, so there is nothing for a fork to copy."""


def watch_descriptors() -> None:
    """Note from now on when a file is opened on a descriptor (`open(0)`), until this process ends."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and type(arguments[0]) is int:
            _reopened[0] = True

    sys.addaudithook(hook)


def release_reserve() -> None:
    """Make room to report that memory has run out."""
    _reserve.clear()


_TRACES: dict[str, type[LineTrace] | type[StateTrace]] = {"lines": LineTrace, "states": StateTrace}


class Recorder:
    """Writes a record of how each test ended."""

    def __init__(self, task: Task) -> None:
        self._position = 0
        self._output_bytes = task.output_bytes
        self._files = (os.fstat(STDIN).st_ino, os.fstat(STDOUT).st_ino)
        self._may_exit = task.mode == "stdin"
        self._trace = _TRACES[task.trace]() if task.trace else None
        self._leaves = program.leaves_something(task.source)
        self._last = len(task.tests) - 1
        self._texts = (task.source, task.prelude)
        self._index, self._started, self._thread_started = -1, 0, 0

    def begin(self, index: int, stdin: str = "") -> None:
        """Begin a new test, with its input in place and its clock started."""
        data = stdin.encode("utf-8", "surrogatepass")
        os.pwrite(STDIN, data, 0)
        os.ftruncate(STDIN, len(data))
        os.lseek(STDIN, 0, os.SEEK_SET)
        if self._index >= 0:
            program.reset()  # before the first test, the zygote has done it
        _reopened[0] = False
        self._index = index
        self._started, self._thread_started = time.process_time_ns(), time.thread_time_ns()
        if self._trace is not None:
            self._trace.start()

    def run(self, body: Callable[[], dict[str, object]]) -> bool:
        """Run `body` as the test that has begun. Returns whether this process may run another."""
        record: dict[str, object] = {}
        clean, let_go = True, False
        try:
            try:
                record.update(body())
                let_go = self._leaves
            finally:
                noted = self._trace.stop() if self._trace is not None else {}
                clean = program.finish(let_go)
        except SystemExit as error:
            if not self._may_exit or program.exit_code(error) != 0:
                record["error"] = describe(error)
        except BaseException as error:
            clean = not self._note_failure(record, error) and clean
        if program.unheard:
            record["unheard"] = program.unheard[0]
        return self.write({**record, **noted}, clean)

    def _note_failure(self, record: dict[str, object], error: BaseException) -> bool:
        """Put the error into `record`. Returns whether the process is short of memory."""
        short = isinstance(error, MemoryError)
        if short:
            release_reserve()
            error.__context__ = error.__cause__ = None
        record["error"] = describe(error)
        return short

    def write(self, record: dict[str, object], clean: bool) -> bool:
        """Append the record of the test that has begun. Returns whether this `clean` process may run another test."""
        output, same = self._look()
        # The process's clock moves in ticks under a CPU limit; the thread's leaves other threads out.
        cpu = max(time.process_time_ns() - self._started, time.thread_time_ns() - self._thread_started)
        numbers = b'{"i":%d,"end":%d,"cpu":%d}\n' % (self._index, output, cpu)
        line = _joined(numbers, record)
        if len(line) > self._output_bytes and "value" in record:
            kind = f"value of more than {self._output_bytes} bytes"
            line = _joined(numbers, {**record, "value": {"t": "object", "v": kind}})
        room = max(output, self._position + len(line)) <= self._output_bytes
        more = clean and same and room and not _reopened[0]
        more = more and (self._index == self._last or (program.forget(*self._texts) and self._look() == (output, True)))
        if not more:
            line = line[:-2] + b',"more":false}\n'
        os.pwrite(RECORDS, line, self._position)
        self._position += len(line)
        if more:
            os.lseek(STDOUT, output, os.SEEK_SET)
        return more

    def _look(self) -> tuple[int, bool]:
        """Count bytes written so far, and say whether standard input and output still are the files they were."""
        try:
            stdin, stdout = os.fstat(STDIN), os.fstat(STDOUT)
        except OSError:
            return 1 << 60, False
        return stdout.st_size, (stdin.st_ino, stdout.st_ino) == self._files


def _joined(numbers: bytes, record: dict[str, object]) -> bytes:
    """Write one line of the numbers that every record has, and what else `record` has, which most have not."""
    return numbers[:-2] + b"," + dump_line(record)[1:] if record else numbers
