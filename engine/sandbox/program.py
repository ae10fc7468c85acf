"""Run one program as CPython would: a fresh module for every test, real standard streams, the usual way of ending.

The process is already confined. Nothing here limits or reports anything.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import gc
import io
import marshal
import re
import resource
import sys
import typing
from collections.abc import Callable, Mapping
from types import CodeType, FrameType, ModuleType
from typing import Any

from engine.sandbox import own_source
from engine.sandbox.failures import PROGRAM_NAME, Failure, describe, remember_program

_get_limit, _set_limit = sys.getrecursionlimit, sys.setrecursionlimit
_RECURSION_LIMIT = sys.getrecursionlimit()
_MOST_FRAMES = (1 << 31) - 1
SEED = 0
"""Of the `random` module, at the start of every test."""
_MOST_UNHEARD = 10
unheard: list[Failure] = []
"""Exceptions of the test under way that end no program: in threads, `__del__` and exit handlers."""
_CIRCLES = re.compile(b"class|yield|async|amed|type")
"""What a program must hold to leave objects in circles that run code at their end, or keep names interned."""
_MUCH_MEMORY = 64 << 10
"""KiB above which objects in circles are collected, whatever they are."""
_LEAVES = re.compile(b"__del__|yield|open")
"""What a program must hold for its end to matter: finalisers, suspended generators, files not yet flushed."""
_MOST_COLLECTIONS = 4
"""Rounds in which what a test leaves must have come to its end; a finaliser may leave things of its own."""
_IMPORTED_NAME = "solution"
"""`__name__` where functions of the program are called: as when a test imports it, a main guard stays shut."""


def compile_program(source: bytes) -> CodeType:
    """Compile the program. Raises whatever the compiler raises."""
    code = compile(source, PROGRAM_NAME, "exec", dont_inherit=True)
    remember_program(code)
    return code


def load_code(code: bytes) -> CodeType:
    """Load the program's code, compiled elsewhere by the same interpreter."""
    loaded: CodeType = marshal.loads(code)  # noqa: S302 (comes from the supervisor, before the program's first line)
    remember_program(loaded)
    return loaded


def compile_prelude(prelude: str) -> CodeType | None:
    """Compile the source that runs in the program's namespace before it. None if there is none."""
    return compile(prelude, "<prelude>", "exec", dont_inherit=True) if prelude else None


def run_module(
    code: CodeType, prelude: CodeType | None, name: str = _IMPORTED_NAME, given: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Run the program as a fresh module called `name` that has the `given` names. Returns its namespace."""
    module = ModuleType(name)
    module.__builtins__ = sys.modules["builtins"]  # type: ignore[attr-defined]
    module.__file__ = own_source.FILE
    sys.modules[name] = module
    module.__dict__.update(given or {})
    _make_room()
    if prelude is not None:
        exec(prelude, module.__dict__)  # noqa: S102
    exec(code, module.__dict__)  # noqa: S102
    return module.__dict__


def find_function(namespace: dict[str, Any], name: str) -> Callable[..., Any]:
    """Find the entry point: a method of `class Solution` if it has one of that name, else a top-level name."""
    solution = namespace.get("Solution")
    if isinstance(solution, type) and hasattr(solution, name):
        method: Callable[..., Any] = getattr(solution(), name)
        return method
    if name not in namespace:
        raise NameError(f"name {name!r} is not defined")
    function: Callable[..., Any] = namespace[name]
    return function


def open_streams() -> None:
    """Open standard streams on descriptors 0, 1 and 2, as CPython makes them in a UTF-8 locale.

    Those of the test before stay where nothing in the program holds them, or what they are made of.
    """
    for name, (descriptor, mode) in _STREAMS.items():
        stream = getattr(sys, name)
        if (
            stream is getattr(sys, f"__{name}__")
            and _count_holders(stream) == _holders.get(name)
            and vars(stream) == {"mode": mode}
            and not vars(stream.buffer)
            and _wind_back(stream)
        ):
            continue
        stream = _stream(descriptor, mode, f"<{name}>")
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
        _holders[name] = _count_holders(stream)


_STREAMS = {"stdin": (0, "r"), "stdout": (1, "w"), "stderr": (2, "w")}
_holders: dict[str, tuple[int, int, int] | None] = {}


def _count_holders(stream: Any) -> tuple[int, int, int] | None:
    """Count references to a stream and to what it is made of. None where the program took it apart."""
    try:
        return sys.getrefcount(stream), sys.getrefcount(stream.buffer), sys.getrefcount(stream.buffer.raw)
    except (ValueError, AttributeError):
        return None


def _wind_back(stream: Any) -> bool:
    """Put a stream to its start, if it is open and was not left in the middle of an iteration."""
    try:
        return (stream.mode == "w" and not stream.closed) or (stream.seek(0), stream.tell()) == (0, 0)
    except (OSError, ValueError):
        return False


def _stream(descriptor: int, mode: str, name: str) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, mode, closefd=False)
    raw.name = name
    buffer: Any = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    errors = "backslashreplace" if descriptor == 2 else "strict"
    stream = io.TextIOWrapper(buffer, "utf-8", errors, "\n", line_buffering=descriptor == 2)
    stream.mode = mode  # type: ignore[misc]
    return stream


def reset() -> None:
    """Undo what an earlier test may have set and CPython sets afresh in every process."""
    sys.getrecursionlimit, sys.setrecursionlimit = _get_limit, _set_limit
    sys.setrecursionlimit(_RECURSION_LIMIT)
    sys.argv = [own_source.FILE]
    unheard.clear()
    sys.unraisablehook = _note_unraisable
    if (threading := sys.modules.get("threading")) is not None:
        threading.excepthook = _note_thread  # type: ignore[attr-defined]
    open_streams()


def _make_room() -> None:
    """Give the program the whole recursion limit, without our own frames below it, and do not let it know."""
    room = 0
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        room, frame = room + 1, frame.f_back

    def setrecursionlimit(limit: int, /) -> None:
        _set_limit(limit + room if 0 < limit <= _MOST_FRAMES - room else limit)

    def getrecursionlimit() -> int:
        return _get_limit() - room

    _set_limit(_RECURSION_LIMIT + room)
    sys.getrecursionlimit, sys.setrecursionlimit = getrecursionlimit, setrecursionlimit


def _note_thread(ended: Any) -> None:
    """Keep what ended a thread for the report. CPython prints it and goes on, and so do we."""
    _note(ended.exc_value)
    sys.modules["threading"].__excepthook__(ended)


def _note_unraisable(failed: Any) -> None:
    """Keep what a finaliser or an exit handler raised."""
    _note(failed.exc_value)
    sys.__unraisablehook__(failed)


def _note(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit) and len(unheard) < _MOST_UNHEARD:
        unheard.append(describe(error))


def leaves_something(source: bytes) -> bool:
    """Say whether the end of the program may still print. Otherwise nobody sees whether its objects are let go."""
    return _LEAVES.search(source) is not None


def finish(let_go: bool) -> bool:
    """End a test as the interpreter ends: wait for threads, run exit handlers, flush.

    Args:
        let_go: Whether to let go of the program's objects, too.

    Returns:
        Whether nothing of the test is left, so that another may run in this process.
    """
    clean = _join_threads()
    atexit._run_exitfuncs()
    atexit._clear()
    _flush()
    if let_go:
        _let_go()
        gc.collect()
        _flush()
    return clean


def forget(source: bytes, prelude: str) -> bool:
    """Let go of a test's module and objects. Returns whether all came to their end, so that none runs code later.

    The program's text tells what need be looked for. Identifiers may be written in other letters, keywords may not.
    """
    _let_go()
    re.purge()
    if clear := getattr(getattr(sys.modules.get("fractions"), "_hash_algorithm", None), "cache_clear", None):
        clear()  # since 3.12; `statistics` makes fractions
    odd = not source.isascii()
    if odd or b"typing" in source or "typing" in prelude:
        for clear in getattr(typing, "_cleanups", ()):
            clear()
    if odd or b"random" in source or "random" in prelude:
        sys.modules["random"].seed(SEED)
    if odd or b"decimal" in source or "decimal" in prelude:
        decimal: Any = sys.modules["decimal"]
        decimal.setcontext(decimal.DefaultContext)
    circles = odd or _CIRCLES.search(source) or "class" in prelude
    many = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > _MUCH_MEMORY
    if (circles or many) and not any(gc.collect() == 0 for _ in range(_MOST_COLLECTIONS)):
        return False
    _flush()
    return True


def _let_go() -> None:
    """Take the program's module apart, which holds its functions, which hold the module."""
    for name in ("__main__", _IMPORTED_NAME):
        module = sys.modules.pop(name, None)
        if isinstance(module, ModuleType):
            module.__dict__.clear()


def _flush() -> None:
    with contextlib.suppress(ValueError):  # closed or detached: its buffer is another's now
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
    if sys.stdout is not sys.__stdout__ and sys.stdout is not None and not getattr(sys.stdout, "closed", False):
        sys.stdout.flush()


def _join_threads() -> bool:
    """Wait for the threads that CPython waits for. Returns whether no other is left."""
    threading = sys.modules.get("threading")
    if threading is None or (_thread._count() == 0 and not threading._threading_atexits):
        return True
    endings = threading._threading_atexits
    for ending in reversed(endings):
        ending()
    me = threading.current_thread()
    while waiting := [thread for thread in threading.enumerate() if thread is not me and not thread.daemon]:
        for thread in waiting:
            thread.join()
    return not endings and bool(threading.active_count() == 1)


def exit_code(error: SystemExit) -> int:
    """Give the status with which CPython would leave because of `error`."""
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1
