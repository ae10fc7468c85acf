"""Reads a program before it runs: compiles it, and tells whether its tests may share a process.

A compiler that has run before is many times faster than one in a fresh child, and a program that is no Python needs no
child. What fails here in any other way (too deep, too large, under an odd codec) the child compiles again, within its
own limits.
"""

from __future__ import annotations

import ast
import marshal
from dataclasses import dataclass
from functools import lru_cache

from engine.sandbox.failures import PROGRAM_NAME, Failure, describe_compile_error
from engine.self_contained import self_contained

_MOST_BYTES = 1 << 16
"""Longer programs are left to the child."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a program that has not run."""

    code: bytes = b""
    """The compiled program, marshalled; empty where the child must compile."""
    self_contained: bool = False
    """Whether all its tests may run in one process (`engine.self_contained`)."""
    refusal: Failure | None = None
    """Why it is no Python (`describe_compile_error`)."""


def read_program(program: bytes, prelude: str) -> Reading:
    """Reads `program`, before which `prelude` runs."""
    if len(program) > _MOST_BYTES:
        return Reading()
    try:
        tree = ast.parse(program, PROGRAM_NAME)
        code = compile(tree, PROGRAM_NAME, "exec", dont_inherit=True)
        return Reading(marshal.dumps(code), self_contained(tree, _parsed(prelude)))
    except SyntaxError:
        return Reading(refusal=_refusal(program))
    except Exception:
        return Reading()


def _refusal(program: bytes) -> Failure | None:
    """What the compiler says of the program as it is written, and not of its tree."""
    try:
        compile(program, PROGRAM_NAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        return describe_compile_error(error, program)
    except Exception:
        return None
    return None


@lru_cache(maxsize=16)
def _parsed(prelude: str) -> ast.Module:
    return ast.parse(prelude)
