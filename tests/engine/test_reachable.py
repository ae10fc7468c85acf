"""From what a self-contained program may name, nothing of the library can be reached on which a mark would stay.

Two tests of one process are imitated by two namespaces. What both reach by the same expression is the library's own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from engine.harmless import READABLE
from engine.self_contained import self_contained

HEAD = """
import copy, datetime, heapq, itertools, json, operator, os, re
from abc import ABC, abstractmethod
from array import array
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal, getcontext, localcontext
from enum import Enum, IntEnum, StrEnum, auto
from functools import cache, cached_property, cmp_to_key, lru_cache, partial, wraps
from io import BytesIO, StringIO
from queue import LifoQueue, PriorityQueue, Queue, SimpleQueue
from random import Random
from typing import Generic, List, NamedTuple, Optional, TypeVar
class Colour(Enum): RED = 1
class Number(IntEnum): ONE = auto()
class Word(StrEnum): A = 'a'
class Abstract(ABC):
    @abstractmethod
    def f(self): ...
class Real(Abstract):
    def f(self): return 1
T = TypeVar('T')
class Box(Generic[T]): pass
class Pair(NamedTuple): x: int = 1
class Maps(ChainMap): pass
class Bag(Counter): pass
class Line(Queue): pass
class Part(partial): pass
class Dice(Random): pass
class Kept(cached_property): pass
@dataclass(order=True)
class Point:
    x: int = 1
    y: list = field(default_factory=list)
@contextmanager
def context(): yield 1
@lru_cache(None)
def cached(x): return x
class Lazy:
    @cached_property
    def p(self): return 1
"""
MADE = [
    "Colour",
    "Number",
    "Word",
    "Colour.RED",
    "Number.ONE",
    "Word.A",
    "Colour(1)",
    "Abstract",
    "Real",
    "Real()",
    "Box",
    "Box()",
    "Pair",
    "Pair()",
    "Maps",
    "Maps()",
    "Bag",
    "Bag('a')",
    "Line",
    "Line()",
    "Part",
    "Part(print)",
    "Dice",
    "Dice()",
    "Kept",
    "Kept(print)",
    "Point",
    "Point()",
    "context",
    "context()",
    "cached",
    "cached.cache_info()",
    "Lazy",
    "Lazy()",
    "Lazy.p",
    "auto()",
    "field()",
    "field(default_factory=list)",
    "ChainMap()",
    "Counter('a')",
    "OrderedDict()",
    "defaultdict(list)",
    "deque()",
    "namedtuple('X','a')",
    "nullcontext()",
    "Decimal(1)",
    "Decimal(1).as_tuple()",
    "getcontext()",
    "localcontext()",
    "cmp_to_key(print)",
    "partial(print)",
    "wraps(print)",
    "lru_cache(None)",
    "cache(print)",
    "cached_property(print)",
    "BytesIO()",
    "StringIO()",
    "Queue()",
    "PriorityQueue()",
    "LifoQueue()",
    "SimpleQueue()",
    "Random()",
    "array('i')",
    "dataclass()",
    "TypeVar('X')",
    "TypeVar('X') | int",
    "Optional",
    "List",
    "re.compile('a')",
    "re.match('a','a')",
    "datetime.date(2020,1,1)",
    "datetime.timedelta(1)",
    "operator.itemgetter(1)",
    "heapq.merge([1])",
    "itertools.chain()",
    "asdict(Point())",
    "replace(Point())",
]
DEEPEST = 3
FIXED = (int, str, float, bytes, bool, type(None))


def reached(expression: str, one: object, other: object, depth: int = DEEPEST) -> Iterator[tuple[str, object]]:
    """What the library has behind an expression, whoever reads it."""
    if one is other:
        yield expression, one
    for name in dir(one) if depth else ():
        if not name.startswith("__") or name in READABLE:
            try:
                pair = getattr(one, name), getattr(other, name)
            except Exception:  # an attribute that is not there
                continue
            if not isinstance(pair[0], FIXED):
                yield from reached(f"{expression}.{name}", *pair, depth - 1)


def takes_a_mark(thing: object) -> bool:
    try:
        thing.a_mark = 1  # type: ignore[attr-defined]
        del thing.a_mark  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return False
    return True


@pytest.mark.parametrize("made", MADE)
def test_nothing_that_can_be_reached_keeps_a_mark(made: str) -> None:
    assert self_contained(ast.parse(HEAD))
    spaces: list[dict[str, object]] = [{"__name__": "solution"}, {"__name__": "solution"}]
    for space in spaces:
        exec(compile(HEAD, "<program>", "exec", dont_inherit=True), space)
    for expression, thing in reached(made, *(eval(made, space) for space in spaces)):
        if isinstance(thing, dict | list | set | bytearray):
            assert not self_contained(ast.parse(f"{HEAD}\nx = {expression}")), expression
        if takes_a_mark(thing):
            assert not self_contained(ast.parse(f"{HEAD}\ndef put(self): self.seen = 1\nput({expression})")), expression
