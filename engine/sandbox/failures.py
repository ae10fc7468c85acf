"""Describe an exception by its type, its text and the places in the program that it passed through.

`engine.positions` turns positions into byte offsets of the original program, outside the sandbox.
"""

from __future__ import annotations

import builtins
import contextlib
import itertools
import sys
from collections.abc import Mapping
from types import CodeType, TracebackType
from typing import Any

from engine.sandbox.values import decode, encode

PROGRAM_NAME = "<program>"
"""File name of the code compiled from the program."""
_MEMBERS, _DEEPEST = 10, 3
"""Maximum number of exceptions of a group that are described, and of nested groups."""
_FIRST, _LAST = 8, 24
"""Number of frames kept at each end of a long traceback."""
_TEXT = 500
_program: list[CodeType] = []
_INSIDE_STRINGS = ("f-string", "(unicode error)", "(value error)")
"""Compile errors whose columns, before CPython 3.12, were those of another text or of another token."""

Failure = dict[str, object]
Place = tuple[str, int, int | None, int | None, int | None]
"""Function name, line, end line, column and end column (UTF-8 bytes of the decoded source)."""


def remember_program(*codes: CodeType) -> None:
    """Remember the program's code objects, because code that it compiles itself may bear its file name as well."""
    _program[:] = codes


def _codes_of_program() -> frozenset[int]:
    """Return the identities of the program's code objects, nested ones included. The program keeps them alive."""
    found: list[CodeType] = []
    waiting = list(_program)
    while waiting:
        found.append(waiting.pop())
        waiting += (constant for constant in found[-1].co_consts if isinstance(constant, CodeType))
    return frozenset(map(id, found))


def describe(error: BaseException) -> Failure:
    """Describe an exception that left the program."""
    kind = type(error)
    frames = places(error.__traceback__)
    cause = error.__cause__ if kind is RuntimeError else None
    if isinstance(cause, StopIteration | StopAsyncIteration) and _text_of(error).endswith("Iteration"):
        frames += places(cause.__traceback__)  # "generator raised StopIteration": its own frame is only there
    return {
        "type": type.__dict__["__name__"].__get__(kind)[:_TEXT],
        "bases": builtin_bases(kind),
        "message": _text_of(error),
        "memory": issubclass(kind, MemoryError),
        "exit": issubclass(kind, SystemExit),
        "frames": frames,
    }


def describe_compile_error(error: BaseException, source: bytes) -> Failure:
    """Describe a compile error, with its `position` (line, column, end line, end column) if it has one."""
    failure = describe(error)
    failure["frames"] = []
    if isinstance(error, SyntaxError):
        failure["message"] = str(error.msg)[:_TEXT]
    if isinstance(error, SyntaxError) and error.lineno is not None:
        refusal = _parser_refusal(source)
        at = error if refusal is None or refusal.lineno is None else refusal
        failure["position"] = [at.lineno, at.offset, at.end_lineno, at.end_offset]
        if error.msg.startswith("(unicode error) 'utf-8'"):
            failure["position"] = [None, None, None, None]  # the wrong byte, which is found where the bytes are
        elif sys.version_info < (3, 12) and error.msg.startswith(_INSIDE_STRINGS):
            failure["position"] = [at.lineno, None, None, None]
        failure["bytes"] = refusal is None
    return failure


def _parser_refusal(source: bytes) -> SyntaxError | None:
    """Return the parser's own error, whose columns count characters, or None for one of the compiler, in bytes.

    CPython counts some columns of bytes without a mark or cookie in bytes and some in characters. For text it does not.
    """
    try:
        text = source if _says_encoding(source) else source.decode()
        compile(text, PROGRAM_NAME, "exec", 0x400, dont_inherit=True)  # PyCF_ONLY_AST, without importing ast
    except SyntaxError as refusal:
        return refusal
    except Exception:  # not to be decoded, too deep, too large: no better place than the one there is
        return SyntaxError()
    return None


def _says_encoding(source: bytes) -> bool:
    return source.startswith(b"\xef\xbb\xbf") or any(b"coding" in line for line in source[:1000].split(b"\n")[:2])


def builtin_bases(kind: type) -> list[str]:
    """List the names of the builtin exceptions that `kind` is or descends from, nearest first."""
    bases = type.__dict__["__mro__"].__get__(kind)
    names = [type.__dict__["__name__"].__get__(base) for base in bases]
    return [name for base, name in zip(bases, names, strict=True) if vars(builtins).get(name) is base]


def builtin_exception(failure: Mapping[str, Any]) -> BaseException | None:
    """Make an exception of the builtin type nearest to the described one, or None where none is near."""
    kind = nearest_builtin(failure.get("bases"))
    return None if kind is None else made_exception(kind, failure)


def nearest_builtin(bases: object) -> type[Exception] | None:
    """Return the first ordinary exception among builtins of these names."""
    kinds = [getattr(builtins, str(name), None) for name in bases] if isinstance(bases, list) else []
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)), None)


def made_exception(kind: type[Exception], failure: Mapping[str, Any], depth: int = _DEEPEST) -> Exception:
    """Make an exception of that type with the described arguments, or else the text. It never raises."""
    arguments = decode(failure.get("args"))
    text = str(failure.get("message"))
    members = failure.get("members")
    if issubclass(kind, BaseExceptionGroup) and isinstance(members, list) and depth:
        told = [one for one in members[:_MEMBERS] if isinstance(one, dict)]
        inner = [made_exception(nearest_builtin(one.get("bases")) or RuntimeError, one, depth - 1) for one in told]
        text = arguments[0] if isinstance(arguments, tuple) and arguments and type(arguments[0]) is str else text
        arguments = (text, inner)
    with contextlib.suppress(Exception):  # a type may want arguments that cannot cross
        return kind(*arguments) if isinstance(arguments, tuple) else kind(text)
    with contextlib.suppress(Exception):
        return kind.__new__(kind)
    return RuntimeError(text)


def members_of(error: BaseException, depth: int = _DEEPEST) -> list[Failure]:
    """Describe the exceptions in a group, or the first of them if there are many."""
    if not isinstance(error, BaseExceptionGroup) or not depth:
        return []
    inner = BaseExceptionGroup.__dict__["exceptions"].__get__(error)[:_MEMBERS]
    return [
        {**describe(one), "frames": [], "args": arguments_of(one), "members": members_of(one, depth - 1)}
        for one in inner
    ]


def arguments_of(error: BaseException) -> object:
    """Return the arguments of an exception as data, or None where they cannot be read."""
    try:
        return encode(error.args)
    except BaseException:
        return None


def _text_of(error: BaseException) -> str:
    """Return the exception's text. Its `__str__` may be the program's own."""
    try:
        text = str(error)[:_TEXT]
    except BaseException as failure:
        text = f"<its __str__ raised {type(failure).__name__}>"[:_TEXT]
    return text


def places(traceback: TracebackType | None) -> list[Place]:
    """List the program's own frames of a traceback, outermost first, without the middle of a very long one."""
    own: list[tuple[CodeType, int, int]] = []
    codes = _codes_of_program()
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if id(code) in codes:
            own.append((code, traceback.tb_lasti, traceback.tb_lineno))
            if len(own) > 4 * (_FIRST + _LAST):
                del own[_FIRST:-_LAST]
        traceback = traceback.tb_next
    if len(own) > _FIRST + _LAST:
        del own[_FIRST:-_LAST]
    return [_place(*frame) for frame in own]


def _place(code: CodeType, last_instruction: int, line: int) -> Place:
    position = next(itertools.islice(code.co_positions(), last_instruction // 2, None), (None,) * 4)
    start, end, column, end_column = position
    if start is None:
        return code.co_qualname[:_TEXT], line, None, None, None
    return code.co_qualname[:_TEXT], start, end, column, end_column
