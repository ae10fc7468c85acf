"""Remember what astroid computes again and again about classes, for one program, and forget it after it.

Without it a chain of a few hundred classes, or of a few dozen diamonds, takes minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache, lru_cache

from astroid.bases import Instance
from astroid.context import InferenceContext, _invalidate_cache
from astroid.exceptions import InferenceError
from astroid.inference_tip import clear_inference_tip_cache
from astroid.interpreter.objectmodel import ObjectModel
from astroid.nodes._base_nodes import LookupMixIn
from astroid.nodes.scoped_nodes import ClassDef
from pylint.checkers.clear_lru_cache import clear_lru_caches

_has_dynamic_getattr = ClassDef.has_dynamic_getattr
_direct_ancestors = ClassDef.ancestors
_compute_mro = ClassDef._compute_mro
_mro_of: dict[ClassDef, list[ClassDef]] = {}


def remember() -> None:
    """Put the versions with a memory in the place of astroid's own."""
    ClassDef.has_dynamic_getattr = _has_dynamic_getattr_once
    ClassDef.ancestors = _ancestors_once
    ClassDef._compute_mro = _compute_mro_once


def forget() -> None:
    """Drop what is remembered about a program, which takes 12 KB. What is known of the library stays."""
    clear_lru_caches()
    _invalidate_cache()
    clear_inference_tip_cache()
    LookupMixIn.lookup.cache_clear()
    ObjectModel.attributes.cache_clear()
    ClassDef._metaclass_lookup_attribute.cache_clear()
    _bases_of.cache_clear()
    _ancestors_of.cache_clear()
    _mro_of.clear()


@lru_cache(maxsize=4096)
def _library_class_has_dynamic_getattr(node: ClassDef) -> bool:
    return bool(_has_dynamic_getattr(node))


def _has_dynamic_getattr_once(node: ClassDef, context: InferenceContext | None = None) -> bool:
    """Answer `ClassDef.has_dynamic_getattr` once for each class of the library. pylint asks it of every attribute."""
    if node.root().name.partition(".")[0] in sys.stdlib_module_names:
        return _library_class_has_dynamic_getattr(node)
    return bool(_has_dynamic_getattr(node, context))


def _ancestors_once(node: ClassDef, recurs: bool = True, context: InferenceContext | None = None) -> Iterator[ClassDef]:
    """Answer `ClassDef.ancestors`, which walks every path through the hierarchy."""
    if not recurs:
        yield from _direct_ancestors(node, recurs=False, context=context)
    else:
        yield from (each for each in _ancestors_of(node) if not each.hide)


@cache
def _ancestors_of(node: ClassDef) -> tuple[ClassDef, ...]:
    """Give all ancestors in prefixed depth-first order, each once."""
    seen = {node: None}
    path = [iter(_bases_of(node))]
    while path:
        new = next((base for base in path[-1] if base not in seen), None)
        if new is None:
            path.pop()
        else:
            seen[new] = None
            path.append(iter(_bases_of(new)))
    return tuple(seen)[1:]


@cache
def _bases_of(node: ClassDef) -> tuple[ClassDef, ...]:
    """Give the classes that its bases may be, those that only stand for others (`hide`) among them."""
    if not node.bases:
        return tuple(_direct_ancestors(node, recurs=False))
    found: dict[ClassDef, None] = {}
    for base in node.bases:
        try:
            for value in base.infer():
                kind = value._proxied if isinstance(value, Instance) else value
                if isinstance(kind, ClassDef):
                    found[kind] = None
        except InferenceError:
            continue
    return tuple(found)


def _compute_mro_once(
    node: ClassDef, context: InferenceContext, *, base_chain: frozenset[ClassDef] = frozenset()
) -> list[ClassDef]:
    """Answer `ClassDef._compute_mro`, which computes those of all bases anew."""
    if node not in _mro_of:
        _mro_of[node] = _compute_mro(node, context=context, base_chain=base_chain)
    return list(_mro_of[node])
