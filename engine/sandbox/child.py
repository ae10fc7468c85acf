"""The forked child takes its descriptors and limits, compiles the program and runs its tests, with a record for each.

From the program's first line on, everything here is in the program's hands, and nothing that matters depends on it. A
record is a claim: "this was printed, this was returned, this was raised". The outside decides whether it is right.
"""

from __future__ import annotations

import contextlib
import gc
import os
import posix
import resource
import time
from collections.abc import Callable
from typing import Any, NoReturn

from engine.sandbox import long_sleep, own_source, program, semaphores
from engine.sandbox.checks import check_answers
from engine.sandbox.failures import describe_compile_error
from engine.sandbox.recorder import Recorder, release_reserve
from engine.sandbox.referee import referee
from engine.sandbox.serve import serve
from engine.sandbox.values import encode
from engine.sandbox.wire import (
    BEGUN,
    CHANNEL,
    MARK,
    OUT_OF_MEMORY,
    RECORDS,
    STDERR,
    STDIN,
    Request,
    Task,
    dump_line,
    unpack_task,
)


def run_child(request: Request, confine: Callable[[], None], channel: bool) -> NoReturn:
    """Run the child from beginning to end. Its descriptors are in place, and `confine` adds the last restrictions."""
    try:
        task = read_task()
        cpu = int(2 * request.cpu) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
        resource.setrlimit(resource.RLIMIT_FSIZE, (request.file_bytes, request.file_bytes))
        os.closerange(CHANNEL + channel, 1 << 16)
        _open_stderr()
        confine()
        gc.enable()
        long_sleep.allow(request.idle)
        if task.mode == "referee":
            _begin()
            referee(task, Recorder(task))
        elif task.mode == "check":
            check_answers(task, _begin)
        else:
            run_program(task)
        os._exit(0)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.fstat(MARK)  # closed once the program has begun: then this is its own doing
            _report({"infra": f"{type(error).__name__}: {error}"[:1000]})
    finally:
        os._exit(1)


def read_task() -> Task:
    """Read the task that this child was forked for."""
    size = os.fstat(STDIN).st_size
    parts = []
    while size > 0 and (part := os.read(STDIN, size)):
        parts.append(part)
        size -= len(part)
    return unpack_task(b"".join(parts))


def run_program(task: Task) -> None:
    """Compile the program and run its tests. A compile error goes into the report."""
    try:
        prelude = program.compile_prelude(task.prelude)
        code = program.load_code(task.code) if task.code else program.compile_program(task.source)
    except MemoryError as error:
        release_reserve()
        _report(describe_compile_error(error, task.source))
        return
    except Exception as error:
        _report(describe_compile_error(error, task.source))
        return
    own_source.show(task.source)
    semaphores.offer(task.source)
    _begin()
    recorder = Recorder(task)
    if task.mode == "serve":
        serve(recorder, code, prelude)
        return

    def stdin_test(_text: str) -> dict[str, object]:
        program.run_module(code, prelude, "__main__")
        return {}

    def call_test(test: tuple[str, tuple[object, ...], dict[str, object]]) -> dict[str, object]:
        namespace = program.run_module(code, prelude)
        name, arguments, keywords = test
        value = program.find_function(namespace, name)(*arguments, **keywords)
        return {"value": encode(value)}

    body: Callable[[Any], dict[str, object]] = stdin_test if task.mode == "stdin" else call_test
    for index, test in enumerate(task.tests):
        recorder.begin(index, test if task.mode == "stdin" else "")
        if not recorder.run(lambda test=test: body(test)):  # type: ignore[misc]
            return


def _open_stderr() -> None:
    """Open /dev/null for this process alone, because flags of an open file outlive the process that set them."""
    try:
        null = posix.open(os.devnull, os.O_RDWR)
    except OSError:  # where nothing may be opened for writing, all programs share one
        return
    os.dup2(null, STDERR)
    os.close(null)


def _begin() -> None:
    """Mark for the zygote that the program's first line comes now. Nobody can write this mark later."""
    os.write(MARK, BEGUN.pack(time.process_time_ns()))
    os.close(MARK)


def _report(failure: dict[str, object]) -> None:
    """Report a compile error. It is read only from the records of a process that has not begun the program."""
    os.pwrite(RECORDS, dump_line(failure), 0)
