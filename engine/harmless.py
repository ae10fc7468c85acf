"""Names that a program may use and leave nothing behind for the next test of its process (`engine.self_contained`).

A name of the library is here if nothing that is done with it is kept in the library. Most of what is missing keeps
something: seeds, registries, caches whose keys the program can compare (`fractions`, flags of `re`), classes that
others are made of (`typing.Type`), functions that give away the library's own (`functools.total_ordering`), and clocks.
Caches of `re` and `typing` are emptied between tests, the generator of `random` is seeded and the context of `decimal`
made as at the start. A module without names may be imported and not used, as many do.
"""

from __future__ import annotations

import builtins
import importlib
import sys
import types
from collections.abc import Iterable, Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SITE = _words("copyright credits exit help license quit")
"""What `site` adds to the builtins; it may not have run here."""
BUILTINS = (
    frozenset(dir(builtins))
    - SITE
    - _words("""
    __build_class__ __doc__ __import__ __loader__ __package__ __spec__ breakpoint compile delattr dir eval exec getattr
    globals hash id locals open setattr type vars
""")
)
"""Without introspection, files and the addresses of objects. Of `type`, only its call with one argument is harmless."""

_OPERATOR = importlib.import_module("operator")
LIBRARY: Mapping[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
        "builtins": "exit quit",
        "abc": "ABC abstractmethod",
        "array": "array",
        "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
        "contextlib": "contextmanager nullcontext",
        "copy": "copy deepcopy",
        "datetime": "date datetime time timedelta timezone",
        "dataclasses": "asdict astuple dataclass field is_dataclass replace",
        "decimal": "Decimal ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_EVEN ROUND_HALF_UP getcontext localcontext",
        "enum": "Enum IntEnum StrEnum auto unique",
        "functools": "cache cached_property cmp_to_key lru_cache partial reduce wraps",
        "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
        "io": "BytesIO StringIO",
        "json": "dumps loads",
        "os": "getcwd getenv linesep name sep",
        "os.environ": "get",
        "os.path": "abspath basename commonprefix dirname exists isabs isdir isfile join normpath sep split splitext",
        "queue": "LifoQueue PriorityQueue Queue SimpleQueue",
        "random": "Random choice choices expovariate gauss getrandbits normalvariate randbytes randint random "
        "randrange sample seed shuffle triangular uniform",
        "re": "compile escape findall finditer fullmatch match search split sub subn",
        "statistics": "fmean mean median median_high median_low mode multimode pstdev pvariance stdev variance",
        "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits printable punctuation",
        "sys": "exit float_info maxsize setrecursionlimit stderr stdin stdout version_info",
        "textwrap": "dedent fill indent shorten wrap",
        "typing": "Any Callable ClassVar DefaultDict Deque Dict Final FrozenSet Generator Generic Iterable Iterator "
        "List Literal Mapping NamedTuple Optional Sequence Set Tuple TypeVar Union cast",
        "numpy": "abs absolute add all allclose amax amin any append arange argmax argmin argsort array array_equal "
        "asarray average bincount ceil clip concatenate convolve cos cross cumprod cumsum diag diff divide dot e exp "
        "expand_dims eye flip float32 float64 floor full gcd hstack identity inf inner int32 int64 isclose isfinite "
        "isin isinf isnan kron lcm linspace log log10 log2 logical_and logical_not logical_or matmul max maximum mean "
        "median meshgrid min minimum mod multiply nan newaxis nonzero ones ones_like outer percentile pi power prod "
        "ravel repeat reshape roll round searchsorted setdiff1d sign sin sort split sqrt square squeeze stack std "
        "subtract sum swapaxes take tan tile trace transpose tril triu unique var vstack where zeros zeros_like",
        **dict.fromkeys(("fractions", "threading", "time"), ""),
    }.items()
} | {
    "cmath": frozenset(name for name in dir(importlib.import_module("cmath")) if name[0] != "_"),
    "itertools": frozenset(name for name in dir(importlib.import_module("itertools")) if name[0] != "_"),
    "math": frozenset(name for name in dir(importlib.import_module("math")) if name[0] != "_"),
    "operator": frozenset(_OPERATOR.__all__) - {"attrgetter", "call", "methodcaller"},
}
WRAPS = ("functools", "wraps")
SETTERS = frozenset((("abc", "abstractmethod"), ("dataclasses", "dataclass"), WRAPS))
"""These set attributes on what they are given."""
LEADING = {
    ("dataclasses", "field"): ("_field_type", "default", "default_factory", "kw_only", "type"),
    ("decimal", "Decimal"): ("args",),
    ("decimal", "getcontext"): ("args", "flags", "traps"),
    ("decimal", "localcontext"): ("args", "flags", "traps"),
    ("enum", "auto"): ("value",),
    WRAPS: ("func",),
}
"""Attributes that lead from what such a function makes to the library's own objects."""
UNSET = "where"
"""The argument with which numpy leaves a part of its answer as the memory was, with what an earlier test had there."""
WITHOUT_DICTS = frozenset(
    [
        *("bisect", "builtins", "cmath", "heapq", "itertools", "math", "numpy", "operator", "random", "string", "sys"),
        *("time", "typing.Any", "typing.Callable", "typing.Iterable", "typing.List", "typing.Optional"),
        *("typing.Sequence", "typing.Set", "typing.Tuple", "typing.Union"),
    ]
)
"""Modules, and names in them, that give nobody a dict. With a dict, numpy makes types with gaps between their fields,
and what was in the memory of a gap before can be read."""
_STREAMS = frozenset((("sys", "stdin"), ("sys", "stdout"), ("sys", "stderr")))
"""These are made anew where a test has left an attribute on them (`engine.sandbox.program.open_streams`)."""
_IMMUTABLE_TYPE = 1 << 8


def _special(names: str) -> frozenset[str]:
    return frozenset(f"__{name}__" for name in names.split())


METHODS = _special("""
    abs add all and author bool bytes call ceil complex contains delitem divmod enter eq float floor floordiv ge getitem
    gt hash iadd iand ifloordiv ilshift imatmul imod imul index init int invert ior ipow irshift isub iter itruediv ixor
    le len length_hint lshift lt matmul missing mod mul name ne neg next or pos post_init pow radd rand rdivmod repr
    reversed rfloordiv rlshift rmatmul rmod rmul ror round rpow rrshift rshift rsub rtruediv rxor setitem slots str sub
    truediv trunc version xor
""")
"""Names with two underscores that a program may define. Of others, some run after their test (`__del__`), tell `copy`
or `Enum` what to set on what (`__reduce__`, `__new__`), read any attribute (`__match_args__`) or catch all
(`__exit__`)."""
CATCHING = ("BaseException", "Exception", "GeneratorExit", "MemoryError", "RecursionError", "RuntimeError")
"""A program that catches these can try how deep it may call, or how much memory there is. What the library has loaded
or remembers from an earlier test needs less of both."""
COPYING = frozenset(("assigned", "updated", "wrapped"))
"""The arguments with which `functools.wraps` reads and sets any attribute."""
READABLE = _special("add call contains eq ge getitem gt iter le len lt mul name ne next repr setitem str sub")
"""Of such attributes, those that may be read. Others lead to the interpreter's modules, classes and globals."""
KEEPING = _words("""
    _CHUNK_SIZE _field_defaults _finalizing _getitem buffer_info close ctypes detach dump format_map metadata mro now
    raw reconfigure register seek strptime tell today tofile truncate utcnow
""")
"""Attributes that change a stream or a file or tell what was printed before, lead from an array to a module or its
address, from a class to its bases or to what the library's named tuples, fields and unions share, add to an abstract
class, fill a cache, or tell the time: what is imported for the second time is there faster."""
COMPARISONS = _special("contains eq ge gt le lt ne")
"""Methods that are given what an object is compared with."""


def takes_attributes(module: str, name: str) -> bool:
    """Say whether an attribute can be set on something of the library, where a later test would find it."""
    value = getattr(sys.modules.get(module), name, SITE)
    if isinstance(value, type):
        return not value.__flags__ & _IMMUTABLE_TYPE
    fixed = type(value).__flags__ & _IMMUTABLE_TYPE and not hasattr(value, "__dict__")
    return value is SITE or not (fixed or (module, name) in _STREAMS)


def inheritance(module: str, name: str) -> Iterable[str]:
    """List the attributes through which a class made of this one leads to objects of the library."""
    base = getattr(sys.modules.get(module), name, None)
    for each in type.mro(base) + type.mro(type(base)) if isinstance(base, type) else ():
        if not each.__flags__ & _IMMUTABLE_TYPE:
            yield from (key for key, value in vars(each).items() if not isinstance(value, _BOUND))


_BOUND = (classmethod, types.DynamicClassAttribute)
"""These give something new where they are read."""
