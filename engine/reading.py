"""Reads a program before it runs: compiles it, and tells whether its tests may share a process.

A compiler that has run before is many times faster than one in a fresh child. What it refuses here the child compiles
again, under its own limits, and says why it cannot: so this decides no verdict.
"""

from __future__ import annotations

import ast
import marshal
from dataclasses import dataclass
from functools import lru_cache

from engine.sandbox.failures import PROGRAM_NAME
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


def read_program(program: bytes, prelude: str) -> Reading:
    """Reads `program`, before which `prelude` runs."""
    if len(program) > _MOST_BYTES:
        return Reading()
    try:
        tree = ast.parse(program, PROGRAM_NAME)
        code = compile(tree, PROGRAM_NAME, "exec", dont_inherit=True)
        return Reading(marshal.dumps(code), self_contained(tree, _parsed(prelude)))
    except Exception:  # refused, too deep, under an odd codec
        return Reading()


@lru_cache(maxsize=16)
def _parsed(prelude: str) -> ast.Module:
    return ast.parse(prelude)
