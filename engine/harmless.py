"""Names that a program may use and leave nothing behind for the next test of its process (`engine.self_contained`).

A name of the library is here if nothing that is done with it is kept in the library. Most of what is missing keeps
something: seeds, contexts, registries, caches whose keys the program can compare (`fractions`, flags of `re`), classes
that others are made of (`typing.Type`), functions that set attributes of what they are given (`functools.wraps`) or run
text that they are given (`dataclasses`). Caches of `re` and `typing` are emptied between tests.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping

SITE = frozenset(("copyright", "credits", "exit", "help", "license", "quit"))
"""What `site` adds to the builtins; it may not have run here."""
BUILTINS = (frozenset(dir(builtins)) - SITE) - {
    *("__build_class__", "__doc__", "__import__", "__loader__", "__package__", "__spec__", "breakpoint", "compile"),
    *(
        "delattr",
        "dir",
        "eval",
        "exec",
        "getattr",
        "globals",
        "hash",
        "id",
        "locals",
        "open",
        "setattr",
        "type",
        "vars",
    ),
}
"""Without introspection, files and the addresses of objects. Of `type`, only its call with one argument is harmless."""

_OPERATOR = importlib.import_module("operator")
LIBRARY: Mapping[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
        "builtins": "exit quit",
        "collections": "Counter OrderedDict defaultdict deque namedtuple",
        "copy": "copy deepcopy",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_EVEN ROUND_HALF_UP",
        "functools": "cache cmp_to_key lru_cache partial reduce",
        "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
        "json": "dumps loads",
        "re": "compile escape findall finditer fullmatch match search split sub subn",
        "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits printable punctuation",
        "sys": "exit float_info maxsize setrecursionlimit stderr stdin stdout version_info",
        "typing": "Any Callable DefaultDict Deque Dict FrozenSet Generator Iterable Iterator List Mapping NamedTuple "
        "Optional Sequence Set Tuple TypeVar Union",
    }.items()
} | {
    "cmath": frozenset(name for name in dir(importlib.import_module("cmath")) if name[0] != "_"),
    "itertools": frozenset(name for name in dir(importlib.import_module("itertools")) if name[0] != "_"),
    "math": frozenset(name for name in dir(importlib.import_module("math")) if name[0] != "_"),
    "operator": frozenset(_OPERATOR.__all__) - {"attrgetter", "call", "methodcaller"},
}
_STREAMS = frozenset((("sys", "stdin"), ("sys", "stdout"), ("sys", "stderr")))
"""These are made anew where a test has left an attribute on them (`engine.sandbox.program.open_streams`)."""
_IMMUTABLE_TYPE = 1 << 8


def _special(names: str) -> frozenset[str]:
    return frozenset(f"__{name}__" for name in names.split())


METHODS = _special("""
    abs add all and author bool bytes call ceil complex contains delitem divmod enter eq exit float floor floordiv ge
    getitem gt hash iadd iand ifloordiv ilshift imatmul imod imul index init int invert ior ipow irshift isub iter
    itruediv ixor le len length_hint lshift lt match_args matmul missing mod mul name ne neg new next or pos pow radd
    rand rdivmod repr reversed rfloordiv rlshift rmatmul rmod rmul ror round rpow rrshift rshift rsub rtruediv rxor
    setitem slots str sub truediv trunc version xor
""")
"""Names with two underscores that a program may define. Of others, some run after their test (`__del__`) or tell `copy`
what to set on what (`__reduce__`)."""
READABLE = _special("add call contains eq ge getitem gt iter le len lt mul name ne next repr setitem str sub")
"""Of such attributes, those that may be read. Others lead to the interpreter's modules, classes and globals."""
KEEPING = frozenset(
    {
        *(
            "_CHUNK_SIZE",
            "_finalizing",
            "close",
            "detach",
            "format_map",
            "now",
            "raw",
            "reconfigure",
            "register",
            "seek",
        ),
        *("strptime", "tell", "today", "truncate", "utcnow"),
    }
)
"""Attributes that change a stream or tell what was printed before, add to an abstract class, fill a cache, or tell the
time: what is imported for the second time is there faster."""
COMPARISONS = _special("contains eq ge gt le lt ne")
"""Methods that are given what an object is compared with."""


def takes_attributes(module: str, name: str) -> bool:
    """Whether an attribute can be set on something of the library, where a later test would find it."""
    value = getattr(sys.modules.get(module), name, SITE)
    if isinstance(value, type):
        return not value.__flags__ & _IMMUTABLE_TYPE
    fixed = type(value).__flags__ & _IMMUTABLE_TYPE and not hasattr(value, "__dict__")
    return value is SITE or not (fixed or (module, name) in _STREAMS)
