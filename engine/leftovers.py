"""Whether a test may leave something that a later test of the same program meets in the same process.

Every test runs in a fresh module, so what is left lies outside of it: in modules that keep state, in others' objects.
What this module does not do: run or parse anything, or guard against anybody. A program that hides what it leaves fails
tests that would have been run again for its sake, and gains nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_STATELESS = frozenset(
    {
        *(
            "__future__",
            "bisect",
            "collections",
            "collections.abc",
            "copy",
            "dataclasses",
            "datetime",
            "enum",
            "fractions",
        ),
        *(
            "functools",
            "heapq",
            "itertools",
            "json",
            "math",
            "operator",
            "queue",
            "re",
            "statistics",
            "string",
            "typing",
        ),
    }
)
"""Modules without settings, seeds or registers that using them changes."""
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+([\w. \t,]+)$)", re.MULTILINE)
_ANY_IMPORT = re.compile(r"\bimport\b")
_REACHES_OUT = re.compile(
    r"\b(?:setattr|delattr|del|exec|eval|compile|globals|vars|open|breakpoint|yield|async|await|__import__)\b"
    r"|__(?:builtins|class|dict|globals|bases?|mro|subclasses|code|closure|(?:kw)?defaults|wrapped|del|getattribute)__"
    r"|(?<!self)\._|import[ \t]*\*"  # another's private parts; names that are not told
    r"|(?<!self)\.\s*\w+\s*(?:\[[^\n\]]{0,80}\]\s*)?(?:\*\*|//|<<|>>|[-+*/%&|^@])?=(?!=)"  # another's attribute
)
"""What may change more than the program's own names and objects; what runs late (`__del__`, generators)."""
_CONTAINERS = (list, dict, set, bytearray)


def leaves_nothing(tests: Sequence[object], *sources: str) -> bool:
    """Whether it is plain that no test leaves anything outside of its own module and arguments.

    Args:
        tests: what each test gives to the program; no two may share a thing that can be changed.
        sources: the program and what runs before it.
    """
    return all(map(_stays_inside, sources)) and not _share(tests)


@lru_cache(maxsize=256)
def _stays_inside(source: str) -> bool:
    imports = _IMPORT.findall(source)
    if _REACHES_OUT.search(source) or len(imports) != len(_ANY_IMPORT.findall(source)):
        return False
    modules = {origin for origin, _ in imports if origin}
    modules |= {part.split()[0] for _, names in imports for part in names.split(",") if part.strip()}
    return modules <= _STATELESS


def _share(tests: Sequence[object]) -> bool:
    seen: set[int] = set()
    for test in tests:
        own: set[int] = set()
        waiting = [test]
        while waiting:
            item = waiting.pop()
            if isinstance(item, _CONTAINERS):
                if id(item) in seen:
                    return True
                own.add(id(item))
            if isinstance(item, list | tuple | dict):
                parts = item.values() if isinstance(item, dict) else item
                waiting += [part for part in parts if isinstance(part, (*_CONTAINERS, tuple))]
        seen |= own
    return False
