"""Tells from a program's text whether its tests may share a process, because none can know that another ran before it.

A test must not know whether it is the first of its process. A program that did could give two answers to one question
and see which of them is believed. So every test runs alone, in a process of its own, unless the program is
*self-contained*: it names nothing outside of itself that would keep a change. Such a program cannot tell a fresh
process from a used one, and all its tests share one, for speed. The text decides, before the program's first line.

Where a name stands matters. What is only called, decorates, annotates or is a base of a class gets into no variable, so
no attribute can be set on it. What a class inherits can be read from it, and counts.

The rules allow, they do not forbid. A builtin, an attribute or a name of the library that is not known to be harmless
makes a program run alone, which is slower and never wrong. Names are looked at without their scopes, so a variable
called `open` counts as the builtin.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from engine.harmless import (
    BUILTINS,
    CATCHING,
    COMPARISONS,
    COPYING,
    KEEPING,
    LEADING,
    LIBRARY,
    METHODS,
    READABLE,
    SETTERS,
    SITE,
    UNSET,
    WITHOUT_DICTS,
    WRAPS,
    inheritance,
    takes_attributes,
)

_LEADING = re.compile(r"(?:ag|co|cr|f|gi|tb)_|_.+_$")
"""Attributes that lead from a generator to the frames of its callers, ours among them, or to what all enumerations are
made of."""
_FIELD_ACCESS = re.compile(r"\{[^{}:!]*[.\[]")
"""In a format: `{0.gi_frame}` reads an attribute that no syntax shows."""


def self_contained(program: ast.Module, prelude: ast.Module | None = None) -> bool:
    """Say whether no test of `program` can know that another ran in its process before it.

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
        self._held: set[tuple[str, ...]] = set()
        """Names that are read, with the attribute or two that are read of them."""
        self._called: set[tuple[str, ...]] = set()
        """Those that are called, decorate or annotate, and do nothing else."""
        self._called_with_more: set[tuple[str, ...]] = set()
        """Those that are called with more than one argument by place."""
        self._bases: set[tuple[str, ...]] = set()
        """Those that classes are made of."""
        self._attributes: set[str] = set()
        self._stored: set[str] = set()
        """Attributes that are set."""
        self._bound: set[str] = set()
        self._compares_types = self._asks_types = self._splats = self._matches_places = self._has_dicts = False

    def are_harmless(self) -> bool:
        """Say whether all that is named is known to be harmless, together."""
        held, called, bases = (set(self._found(names)) for names in (self._held, self._called, self._bases))
        used = held | called | bases
        modules = {module for module, _ in used}
        sets = bool(self._stored) or not used.isdisjoint(SETTERS)
        # the places of a class pattern are fields, which bear any name
        read = self._attributes | {name for name in self._bound if self._matches_places and not _is_special(name)}
        leading = {name for item in used for name in LEADING.get(item, ())}
        leading.update(name for item in bases for name in inheritance(*item))
        return (
            all(name in LIBRARY.get(module, ()) for module, name in used)
            and all(map(_is_harmless_attribute, read))
            and not any(_is_special(name) and name not in METHODS for name in self._bound)
            and not (self._compares_types and self._bound & COMPARISONS)
            and not (self._asks_types and "isinstance" in self._bound)
            and not (sets and any(itertools.starmap(takes_attributes, held)))
            and not (sets and not leading.isdisjoint(read))
            and not ("numpy" in modules and (self._splats or UNSET in self._bound or self._makes_dicts(used)))
            and not ((self._splats or self._bound & COPYING) and WRAPS in used)
            and WRAPS not in self._found(self._called_with_more)
            and not ("name" in self._stored and ("dataclasses", "field") in used)  # a name becomes code
            and not ("__eq__" in self._bound and "typing" in modules)  # typing compares with forms of its own
            and not any(module == "io" for module, _ in held | bases)  # a `close` of its own would run late
            and not any((name,) in self._held for name in CATCHING)
        )

    def _makes_dicts(self, used: set[tuple[str, str]]) -> bool:
        """Say whether a dict can be had, by which numpy makes a type with gaps between fields, which it never fills."""
        named = self._held | self._called | self._bases
        return (
            self._has_dicts
            or ("dict",) in named
            or not all(module in WITHOUT_DICTS or f"{module}.{name}" in WITHOUT_DICTS for module, name in used)
        )

    def _found(self, names: Iterable[tuple[str, ...]]) -> Iterable[tuple[str, str]]:
        """Find what names may mean: modules, and names in them. What is no name of the library has no module."""
        for name, *attributes in names:
            for module, item in self._origins.get(name, ()):
                first, *rest = [*filter(None, [item]), *attributes, ""]
                inner = f"{module}.{first}"
                yield (inner, rest[0]) if inner in LIBRARY and rest else (module, first)
            if name in self._origins:
                continue
            if name in SITE:
                yield "builtins", name
            elif name not in BUILTINS and (hasattr(builtins, name) or (_is_special(name) and name != "__name__")):
                yield "", name

    def read(self, tree: ast.Module) -> None:
        """Note what `tree` names."""
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            read = _READERS.get(type(node))
            waiting += self._parts(node) if read is None else read(self, node)

    def _parts(self, node: ast.AST) -> list[ast.AST]:
        """List what a node consists of, and note its identifiers as bound."""
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
        if isinstance(node.ctx, ast.Load):
            self._held.add((node.id,))
        else:
            self._bound.add(node.id)
        return ()

    def _read_attribute(self, node: ast.Attribute) -> Iterable[ast.AST]:
        value = node.value
        if node.attr == "__name__" and isinstance(value, ast.Attribute) and value.attr == "__class__":
            return (value.value,)
        if node.attr == "__init__" and _calls(value, "super"):
            return self._parts(value)
        self._attributes.add(node.attr)
        if not isinstance(node.ctx, ast.Load):
            self._stored.add(node.attr)
            self.refused |= _is_special(node.attr)
        elif node.attr == "format":
            text = value.value if isinstance(value, ast.Constant) else None
            self.refused |= not isinstance(text, str) or _FIELD_ACCESS.search(text) is not None
        elif path := _path(node):
            self._attributes.update(path[1:])
            self._held.add(path)
            return ()
        return _types_of(value) if node.attr == "__name__" else (value,)

    def _read_call(self, node: ast.Call) -> Iterable[ast.AST]:
        arguments: list[ast.AST] = [*node.args, *node.keywords]
        if _calls(node, "isinstance") and len(node.args) == 2:
            arguments[1:2] = _types_of(node.args[1])
            self._asks_types |= _calls(node.args[1], "type")
        if len(node.args) > 1 or any(isinstance(argument, ast.Starred) for argument in node.args):
            self._called_with_more.update(filter(None, [_named(node.func)]))
        return [*self._without(self._called, node.func), *arguments]

    def _without(self, names: set[tuple[str, ...]], node: ast.AST) -> list[ast.AST]:
        """Note what `node` names in `names`, and list what else there is to read."""
        path = _named(node)
        if not path or path[-1] == "format":
            return [node]
        self._attributes.update(path[1:])
        names.add(path)
        return []

    def _types(self, names: set[tuple[str, ...]], node: ast.AST | None) -> list[ast.AST]:
        """Note the names of a type such as `dict[str, List[int]]` in `names`, and list what else there is to read."""
        if isinstance(node, ast.Name | ast.Attribute):
            return self._without(names, node)
        inner: Iterable[ast.AST] = ()
        if isinstance(node, ast.Subscript):
            inner = node.value, node.slice
        elif isinstance(node, ast.BinOp):
            inner = node.left, node.right
        elif isinstance(node, ast.Tuple | ast.List):
            inner = node.elts
        elif node is not None:
            return [node]
        return [part for each in inner for part in self._types(names, each)]

    def _read_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterable[ast.AST]:
        apart = [*node.decorator_list, node.returns]
        parts = [part for part in self._parts(node) if part not in apart] + self._types(self._called, node.returns)
        return parts + [part for each in node.decorator_list for part in self._without(self._called, each)]

    def _read_annotated(self, node: ast.arg | ast.AnnAssign) -> Iterable[ast.AST]:
        parts = [part for part in self._parts(node) if part is not node.annotation]
        return parts + self._types(self._called, node.annotation)

    def _read_compare(self, node: ast.Compare) -> Iterable[ast.AST]:
        sides = (node.left, *node.comparators)
        self._compares_types |= any(_calls(side, "type") for side in sides)
        return [part for side in sides for part in _types_of(side)]

    def _read_import(self, node: ast.Import) -> Iterable[ast.AST]:
        for alias in node.names:
            self.unknown_imports |= alias.name not in LIBRARY
            root = alias.name.split(".", maxsplit=1)[0]
            self._import(alias.asname or root, alias.name if alias.asname else root, "")
        return ()

    def _read_import_from(self, node: ast.ImportFrom) -> Iterable[ast.AST]:
        module = str(node.module) if node.level == 0 else ""
        if module == "__future__":
            return ()
        self.unknown_imports |= module not in LIBRARY
        for alias in node.names:
            self.refused |= alias.name == "*" and module not in sys.modules
            for name in _exported(module) if alias.name == "*" else (alias.name,):
                self._import(alias.asname or name, module, name)
        return ()

    def _import(self, name: str, module: str, item: str) -> None:
        self._bound.add(name)
        self._origins.setdefault(name, set()).add((module, item))

    def _read_class(self, node: ast.ClassDef) -> Iterable[ast.AST]:
        self.refused |= bool(node.keywords)  # a metaclass
        self._bound.add(node.name)
        parts: list[ast.AST] = [*node.body, *getattr(node, "type_params", ())]
        for base in node.bases:
            parts += self._types(self._bases, base)
        for decorator in node.decorator_list:
            parts += self._without(self._called, decorator)
        return parts

    def _read_keyword(self, node: ast.keyword) -> Iterable[ast.AST]:
        self._splats |= node.arg is None
        return self._parts(node)

    def _read_class_pattern(self, node: ast.MatchClass) -> Iterable[ast.AST]:
        self._attributes.update(node.kwd_attrs)
        self._matches_places |= bool(node.patterns)
        return self._parts(node)

    def _read_raise(self, node: ast.Raise) -> Iterable[ast.AST]:
        return [
            part for each in (node.exc, node.cause) if each is not None for part in self._without(self._called, each)
        ]

    def _read_try(self, node: ast.Try | ast.TryStar) -> Iterable[ast.AST]:
        # what raises or leaves at the end catches all
        self.refused |= bool(node.finalbody) or any(handler.type is None for handler in node.handlers)
        return self._parts(node)

    def _read_dict(self, node: ast.Dict | ast.DictComp) -> Iterable[ast.AST]:
        self._has_dicts = True
        return self._parts(node)

    def _read_arguments(self, node: ast.arguments) -> Iterable[ast.AST]:
        self._has_dicts |= node.kwarg is not None
        return self._parts(node)

    def _refuse(self, _node: ast.AST) -> Iterable[ast.AST]:
        self.refused = True
        return ()


_READERS: dict[type[ast.AST], Callable[[_Names, Any], Iterable[ast.AST]]] = {
    ast.Constant: lambda _names, _node: (),
    ast.Name: _Names._read_name,
    ast.Attribute: _Names._read_attribute,
    ast.Call: _Names._read_call,
    ast.Compare: _Names._read_compare,
    ast.Import: _Names._read_import,
    ast.ImportFrom: _Names._read_import_from,
    ast.FunctionDef: _Names._read_function,
    ast.AsyncFunctionDef: _Names._read_function,
    ast.arg: _Names._read_annotated,
    ast.AnnAssign: _Names._read_annotated,
    ast.ClassDef: _Names._read_class,
    ast.Dict: _Names._read_dict,
    ast.DictComp: _Names._read_dict,
    ast.arguments: _Names._read_arguments,
    ast.MatchClass: _Names._read_class_pattern,
    ast.keyword: _Names._read_keyword,
    ast.Raise: _Names._read_raise,
    ast.Try: _Names._read_try,
    ast.TryStar: _Names._read_try,
    # since 3.12, type parameters: objects of `typing` without its name
    **{getattr(ast, name): _Names._refuse for name in ("TypeVar", "TypeVarTuple", "ParamSpec") if hasattr(ast, name)},
}


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_harmless_attribute(name: str) -> bool:
    return name in READABLE if _is_special(name) else name not in KEEPING and not _LEADING.match(name)


def _named(node: ast.AST) -> tuple[str, ...]:
    return (node.id,) if isinstance(node, ast.Name) else _path(node)


def _path(node: ast.AST) -> tuple[str, ...]:
    """Return the parts of `name.attribute` or of `name.module.attribute`; nothing where it is another expression."""
    if not isinstance(node, ast.Attribute):
        return ()
    value = node.value
    if isinstance(value, ast.Attribute) and value.attr in _INNER and isinstance(value.value, ast.Name):
        return value.value.id, value.attr, node.attr
    return (value.id, node.attr) if isinstance(value, ast.Name) else ()


_INNER = frozenset(module.split(".")[1] for module in LIBRARY if "." in module)
"""Names of modules, or of what is used like one, within others."""


def _calls(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _types_of(node: ast.expr) -> Iterable[ast.AST]:
    """Find what to read of something that is only compared or asked for its name: of `type(x)`, `x`."""
    if isinstance(node, ast.Call) and _calls(node, "type") and len(node.args) == 1 and not node.keywords:
        return () if isinstance(node.args[0], ast.Starred) else node.args
    return (node,)


def _exported(module: str) -> Iterable[str]:
    """List what `from module import *` binds, of modules that are known."""
    loaded = sys.modules.get(module) if module in LIBRARY else None
    names = getattr(loaded, "__all__", None)
    return names or [name for name in vars(loaded or builtins) if not name.startswith("_")]
