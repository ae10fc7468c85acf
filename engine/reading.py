"""Reads a program before it runs: compiles it, and tells whether its tests may share a process.

A compiler that has run before is many times faster than one in a fresh child, and a program that is no Python needs no
child. What fails here in any other way (too deep, too large, under an odd codec) the child compiles again, within its
own limits.
"""

from __future__ import annotations

import ast
import marshal
import re
import sys
from dataclasses import dataclass
from functools import lru_cache

from engine.sandbox.failures import PROGRAM_NAME, Failure, describe_compile_error
from engine.self_contained import self_contained

_MOST_BYTES = 1 << 16
"""Longer programs are left to the child."""
_WORD = re.compile(r"[A-Za-z_]\w*")
_THERE = sys.stdlib_module_names | {"numpy"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a program that has not run."""

    code: bytes = b""
    """The compiled program, marshalled; empty where the child must compile."""
    self_contained: bool = False
    """Whether all its tests may run in one process (`engine.self_contained`)."""
    refusal: Failure | None = None
    """Why it is no Python (`describe_compile_error`)."""
    prelude: str | None = None
    """What is needed of the prelude (`needed`); None where all of it runs."""


def read_program(program: bytes, prelude: str) -> Reading:
    """Read `program`, before which `prelude` runs."""
    if len(program) > _MOST_BYTES:
        return Reading()
    try:
        tree = ast.parse(program, PROGRAM_NAME)
        code = compile(tree, PROGRAM_NAME, "exec", dont_inherit=True)
        rest = needed(prelude, program)
        return Reading(marshal.dumps(code), self_contained(tree, _parsed(rest)), prelude=rest)
    except SyntaxError:
        return Reading(refusal=_refusal(program))
    except Exception:
        return Reading()


def needed(prelude: str, program: bytes) -> str:
    """Drop imports of names that `program` does not have from `prelude`, because loading numpy takes long.

    Only what is there is left out, so a prelude that fails does so with every program.
    """
    if not prelude or not program.isascii():  # other letters may make the same identifiers
        return prelude
    body = _parsed(prelude).body
    others = [ast.unparse(statement) for statement in body if not isinstance(statement, ast.Import | ast.ImportFrom)]
    words = set(_WORD.findall("\n".join([program.decode(), *others])))
    kept: list[str] = []
    for statement in body:
        if isinstance(statement, ast.Import):
            aliases = [alias for alias in statement.names if _is_needed(alias, alias.name, words)]
            kept += [ast.unparse(ast.Import(aliases))] if aliases else []
        elif isinstance(statement, ast.ImportFrom):
            aliases = [alias for alias in statement.names if _is_needed(alias, statement.module or "", words)]
            kept += [ast.unparse(ast.ImportFrom(statement.module, aliases, statement.level))] if aliases else []
        else:
            kept.append(ast.unparse(statement))
    return "\n".join(kept)


def _is_needed(alias: ast.alias, module: str, words: set[str]) -> bool:
    name = alias.asname or alias.name.split(".")[0]
    return name == "*" or name in words or module.split(".", maxsplit=1)[0] not in _THERE


def _refusal(program: bytes) -> Failure | None:
    """Ask the compiler about the program as it is written, and not about its tree."""
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
