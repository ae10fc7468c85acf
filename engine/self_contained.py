"""Tells from a program's text whether its tests may share a process, because none can know that another ran before it.

A test must not know whether it is the first of its process. A program that did could give two answers to one question
and see which of them is believed. So every test runs alone, in a process of its own, unless the program is
*self-contained*: it names nothing outside of itself that would keep a change. Such a program cannot tell a fresh
process from a used one, and all its tests share one, for speed. The text decides, before the program's first line.

The rules allow, they do not forbid. A builtin, an attribute or a name of the library that is not known to be harmless
makes a program run alone, which is slower and never wrong. Names are looked at without their scopes, so a variable
called `open` counts as the builtin.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from engine.harmless import BUILTINS, COMPARISONS, KEEPING, LIBRARY, METHODS, READABLE, SITE, takes_attributes

_FRAMES = re.compile(r"(?:ag|co|cr|f|gi|tb)_")
"""Attributes that lead from a generator to the frames of its callers, ours among them."""
_FIELD_ACCESS = re.compile(r"\{[^{}:!]*[.\[]")
"""In a format: `{0.gi_frame}` reads an attribute that no syntax shows."""


def self_contained(program: ast.Module, prelude: ast.Module | None = None) -> bool:
    """Whether no test of `program` can know that another ran in its process before it.

    Args:
        program: the parsed source.
        prelude: parsed source that runs before it; what this imports, the program may name.
    """
    names = _Names()
    if prelude is not None:
        names.read(prelude)
        names.unknown_imports = False  # of these, only what the program uses matters
    names.read(program)
    return not (names.refused or names.unknown_imports) and names.are_harmless()


class _Names:
    """What a program names."""

    def __init__(self) -> None:
        self.refused = False
        self.unknown_imports = False
        self._origins: dict[str, set[tuple[str, str]]] = {}
        """Imported name -> module and name in it; no name for the module itself."""
        self._loaded: set[str] = set()
        self._members: set[tuple[str, str]] = set()
        """What is written `name.attribute`."""
        self._attributes: set[str] = set()
        self._bound: set[str] = set()
        self._sets_attributes = self._compares_types = False

    def are_harmless(self) -> bool:
        """Whether all that is named is known to be harmless, together."""
        used: set[tuple[str, str]] = set()
        for name, attribute in self._members:
            origins = self._origins.get(name, set())
            used |= {(module, attribute) for module, item in origins if not item}
            used |= {(module, item) for module, item in origins if item}
            if not origins:
                self._loaded.add(name)
        for name in self._loaded:
            if name in self._origins:
                used |= self._origins[name]
            elif name in SITE:
                used.add(("builtins", name))
            elif name not in BUILTINS and (hasattr(builtins, name) or (_is_special(name) and name != "__name__")):
                return False
        return (
            all(name in LIBRARY.get(module, ()) for module, name in used)
            and all(map(_is_harmless_attribute, self._attributes))
            and not any(_is_special(name) and name not in METHODS for name in self._bound)
            and not (self._compares_types and self._bound & COMPARISONS)
            and not (self._sets_attributes and any(takes_attributes(*item) for item in used))
        )

    def read(self, tree: ast.Module) -> None:
        """Notes what `tree` names."""
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            read = _READERS.get(type(node))
            waiting += self._parts(node) if read is None else read(self, node)

    def _parts(self, node: ast.AST) -> list[ast.AST]:
        """What a node consists of; its identifiers are noted as bound."""
        parts: list[ast.AST] = []
        for field in node._fields:
            value = getattr(node, field, None)
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, ast.AST):
                    parts.append(item)
                elif isinstance(item, str):
                    self._bound.add(item)
        return parts

    def _read_name(self, node: ast.Name) -> Iterable[ast.AST]:
        (self._loaded if isinstance(node.ctx, ast.Load) else self._bound).add(node.id)
        return ()

    def _read_attribute(self, node: ast.Attribute) -> Iterable[ast.AST]:
        value = node.value
        if node.attr == "__name__" and isinstance(value, ast.Attribute) and value.attr == "__class__":
            return (value.value,)
        if node.attr == "__init__" and _calls(value, "super"):
            return self._parts(value)
        self._attributes.add(node.attr)
        if not isinstance(node.ctx, ast.Load):
            self._sets_attributes = True
            self.refused |= _is_special(node.attr)
        elif node.attr == "format":
            text = value.value if isinstance(value, ast.Constant) else None
            self.refused |= not isinstance(text, str) or _FIELD_ACCESS.search(text) is not None
        elif isinstance(value, ast.Name):
            self._members.add((value.id, node.attr))
            return ()
        return _types_of(value) if node.attr == "__name__" else (value,)

    def _read_compare(self, node: ast.Compare) -> Iterable[ast.AST]:
        sides = (node.left, *node.comparators)
        self._compares_types |= any(_calls(side, "type") for side in sides)
        return [part for side in sides for part in _types_of(side)]

    def _read_import(self, node: ast.Import) -> Iterable[ast.AST]:
        for alias in node.names:
            self.unknown_imports |= alias.name not in LIBRARY
            self._import(alias.asname or alias.name.split(".")[0], alias.name, "")
        return ()

    def _read_import_from(self, node: ast.ImportFrom) -> Iterable[ast.AST]:
        module = str(node.module) if node.level == 0 else ""
        if module == "__future__":
            return ()
        self.unknown_imports |= module not in LIBRARY
        for alias in node.names:
            for name in _exported(module) if alias.name == "*" else (alias.name,):
                self._import(alias.asname or name, module, name)
        return ()

    def _import(self, name: str, module: str, item: str) -> None:
        self._bound.add(name)
        self._origins.setdefault(name, set()).add((module, item))

    def _read_class(self, node: ast.ClassDef) -> Iterable[ast.AST]:
        self.refused |= bool(node.keywords)  # a metaclass
        return self._parts(node)

    def _read_class_pattern(self, node: ast.MatchClass) -> Iterable[ast.AST]:
        self._attributes.update(node.kwd_attrs)
        return self._parts(node)


_READERS: dict[type[ast.AST], Callable[[_Names, Any], Iterable[ast.AST]]] = {
    ast.Constant: lambda _names, _node: (),
    ast.Name: _Names._read_name,
    ast.Attribute: _Names._read_attribute,
    ast.Compare: _Names._read_compare,
    ast.Import: _Names._read_import,
    ast.ImportFrom: _Names._read_import_from,
    ast.ClassDef: _Names._read_class,
    ast.MatchClass: _Names._read_class_pattern,
}


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_harmless_attribute(name: str) -> bool:
    return name in READABLE if _is_special(name) else name not in KEEPING and not _FRAMES.match(name)


def _calls(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _types_of(node: ast.expr) -> Iterable[ast.AST]:
    """What to read of something that is only compared or asked for its name: of `type(x)`, `x`."""
    if isinstance(node, ast.Call) and _calls(node, "type") and len(node.args) == 1 and not node.keywords:
        return () if isinstance(node.args[0], ast.Starred) else node.args
    return (node,)


def _exported(module: str) -> Iterable[str]:
    """What `from module import *` binds, of modules that are known."""
    loaded = sys.modules.get(module) if module in LIBRARY else None
    names = getattr(loaded, "__all__", None)
    return names or [name for name in vars(loaded or builtins) if not name.startswith("_")]
