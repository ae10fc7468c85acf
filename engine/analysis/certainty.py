"""Say what is sure of values and callables in an astroid tree, with all bindings in the program considered.

astroid infers from the assignments that it believes to reach a place. It does not see loops, calls that fill a
variable, or attributes set elsewhere, so a name that begins as None stays None. Here a value has a type only where
every binding of the name, or of an attribute of that name in the whole program, gives it the same one.
"""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from astroid import nodes
from astroid.nodes import NodeNG
from pylint.checkers.utils import safe_infer

from engine.analysis.doubtful_names import BINDERS_BY_TEXT, IDENTIFIER

_DEPTH = 8
"""How far values are followed; further away nothing is sure."""
_TRANSPARENT = frozenset(
    {"staticmethod", "classmethod", "abstractmethod", "override", "lru_cache", "cache", "functools.lru_cache"}
    | {"functools.cache", "abc.abstractmethod", "typing.override"}
)
"""Decorators that leave the arguments of a function alone."""
_UNUSUAL = frozenset({"__getattr__", "__getattribute__", "__setattr__", "__new__", "__class_getitem__", "__slots__"})
_EXCEPTIONS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)
_DISPLAYS = (
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Set, nodes.ListComp, nodes.DictComp, nodes.SetComp),
    *(nodes.GeneratorExp, nodes.Lambda, nodes.Const),
)


class Certainty:
    """Answers questions about one program's tree."""

    def __init__(self, module: nodes.Module) -> None:
        self._module = module
        self._types: dict[tuple[object, str], str | None] = {}

    @cached_property
    def _members(self) -> dict[str, list[NodeNG]]:
        """Map the name of an attribute to everything in the program that binds one of that name, of whatever object."""
        found: defaultdict[str, list[NodeNG]] = defaultdict(list)
        for node in self._module.nodes_of_class((nodes.AssignAttr, nodes.DelAttr, nodes.ClassDef)):
            if isinstance(node, nodes.ClassDef):
                for name, bindings in node.locals.items():
                    found[name] += bindings
            else:
                found[node.attrname].append(node)
        return found

    def binds_member(self, name: str) -> bool:
        """Say whether anything in the program binds an attribute, a method or a class variable of that name."""
        return bool(self._members.get(name)) or name in self._texts

    @cached_property
    def _texts(self) -> frozenset[str]:
        """Collect every text and keyword in the program, of which `setattr` and the like may make a name."""
        constants = (node.value for node in self._module.nodes_of_class(nodes.Const))
        words = (word for value in constants if isinstance(value, str) for word in value.replace(",", " ").split())
        return frozenset(words) | {node.arg for node in self._module.nodes_of_class(nodes.Keyword) if node.arg}

    @cached_property
    def words(self) -> frozenset[str]:
        """Collect every name and attribute that the program mentions."""
        names = {node.name for node in self._module.nodes_of_class((nodes.Name, nodes.AssignName))}
        return frozenset(names | {node.attrname for node in self._module.nodes_of_class(nodes.Attribute)})

    @cached_property
    def _shared(self) -> dict[str, list[NodeNG]]:
        """Map names under a `global` or `nonlocal` to all bindings of that name in the program, in any scope."""
        names = {name for node in self._module.nodes_of_class((nodes.Global, nodes.Nonlocal)) for name in node.names}
        found: dict[str, list[NodeNG]] = {name: [] for name in names}
        for scope in (self._module, *self._module.nodes_of_class(nodes.FunctionDef)):
            for name in names & set(scope.locals):
                found[name] += scope.locals[name]
        return found

    def may_be_bound_by_text(self, name: str) -> bool:
        """Say whether `exec`, `globals()` and the like may bind the name, without an assignment to be seen."""
        return self._bound_by_text is None or name in self._bound_by_text

    @cached_property
    def _bound_by_text(self) -> frozenset[str] | None:
        """Find the words in the literal arguments of `exec`. None where text may bind any name."""
        if self.words & BINDERS_BY_TEXT:
            return None
        if "exec" not in self.words:
            return frozenset()
        calls = [call for call in self._module.nodes_of_class(nodes.Call) if call.func.as_string() == "exec"]
        texts = [call.args[0].value for call in calls if call.args and isinstance(call.args[0], nodes.Const)]
        if not calls or len(texts) < len(calls):
            return None
        return frozenset(word for text in texts for word in IDENTIFIER.findall(str(text)))

    # Values

    def type_of(self, node: NodeNG | None, depth: int = _DEPTH) -> str | None:  # noqa: PLR0911, PLR0912  a case per kind
        """Find the type, as `builtins.int`, that the expression has whatever path led to it. None where not sure."""
        if node is None or not depth:
            return None
        if isinstance(node, _DISPLAYS):
            return str(node.pytype())
        if isinstance(node, nodes.JoinedStr):
            return "builtins.str"
        match node:
            case nodes.Name():
                return self._type_of_name(node, depth - 1)
            case nodes.Attribute():
                return self._type_of_member(node, depth - 1)
            case nodes.Call():
                return self._type_of_result(node, depth - 1)
            case nodes.NamedExpr(value=value):
                return self.type_of(value, depth - 1)
            case nodes.BoolOp(values=values):
                return self._one([self.type_of(value, depth - 1) for value in values])
            case nodes.IfExp(body=one, orelse=other):
                return self._one([self.type_of(one, depth - 1), self.type_of(other, depth - 1)])
            case nodes.Subscript(value=value):
                owner = self.type_of(value, depth - 1)
                return owner if owner == "builtins.str" else None
            case nodes.BinOp(left=left, right=right):
                return self._inferred(node) if self._builtin(left, right, depth=depth - 1) else None
            case nodes.UnaryOp(operand=operand):
                return self._inferred(node) if self._builtin(operand, depth=depth - 1) else None
            case nodes.Compare(left=left, ops=ops):
                others = [other for _, other in ops]
                return "builtins.bool" if self._builtin(left, *others, depth=depth - 1) else None
        return None

    def believes(self, node: NodeNG) -> bool:
        """Say whether what astroid infers of an expression is sure: a plain value of the one type that it can have."""
        sure = self.type_of(node)
        return sure is not None and sure == self._inferred(node) and self._is_plain_type(node)

    def _builtin(self, *operands: NodeNG, depth: int) -> bool:
        types = [self.type_of(operand, depth) for operand in operands]
        return all(found is not None and found.startswith("builtins.") for found in types)

    def _one(self, types: list[str | None]) -> str | None:
        return types[0] if types and len(set(types)) == 1 else None

    def _inferred(self, node: NodeNG) -> str | None:
        value = safe_infer(node)
        return None if value is None else str(value.pytype())

    def _is_plain_type(self, node: NodeNG) -> bool:
        value = safe_infer(node)
        kind = value if isinstance(value, nodes.ClassDef) else getattr(value, "_proxied", None)
        if isinstance(kind, nodes.ClassDef) and kind.root() is self._module:
            return self.is_plain(kind)
        return True

    def _type_of_name(self, node: nodes.Name, depth: int) -> str | None:
        scope, _ = node.lookup(node.name)
        if scope.root().name == "builtins":
            return self._inferred(node)
        if self.may_be_bound_by_text(node.name):
            return None
        bindings = self._shared.get(node.name) or scope.locals.get(node.name, ())
        owner = method_owner(scope)
        if owner is not None and self._is_self(node.name, scope):
            return str(owner.qname()) if len(bindings) == 1 and self.is_plain(owner) else None
        return self._type_of_all((scope, node.name), bindings, depth)

    def _type_of_all(self, key: tuple[object, str], bindings: Sequence[NodeNG], depth: int) -> str | None:
        """Find the one type of all bindings, once for each key.

        A binding that refers to its own name (`s = s.strip()`) is unsure, and without this would be followed anew at
        every mention, in time exponential in their number.
        """
        if key not in self._types:
            self._types[key] = None
            self._types[key] = self._one([self._type_of_binding(binding, depth) for binding in bindings])
        return self._types[key]

    @staticmethod
    def _is_self(name: str, scope: nodes.FunctionDef) -> bool:
        first = [*scope.args.posonlyargs, *(scope.args.args or ())][:1]
        named = name in ("self", "cls") and bool(first) and first[0].name == name
        return named and scope.type in ("method", "classmethod")

    def _type_of_binding(self, binding: NodeNG, depth: int) -> str | None:
        if isinstance(binding, nodes.FunctionDef):
            return None if binding.decorators else str(binding.pytype())
        if isinstance(binding, nodes.ClassDef):
            return str(binding.pytype())
        if isinstance(binding, nodes.Import | nodes.ImportFrom):
            return "builtins.module" if isinstance(binding, nodes.Import) else None
        return self.type_of(assigned_value(binding), depth)

    def _type_of_member(self, node: nodes.Attribute, depth: int) -> str | None:
        owner = self.type_of(node.expr, depth)
        if owner is None:
            return None
        bindings = self._members.get(node.attrname, [])
        if node.attrname in self._texts and not owner.startswith("builtins."):
            return None
        if bindings:
            return self._type_of_all((owner, node.attrname), bindings, depth)
        return self._inferred(node)

    def _type_of_result(self, node: nodes.Call, depth: int) -> str | None:
        function = self.callee(node, depth)
        if function is None:
            return None
        if isinstance(function, nodes.ClassDef):
            return str(function.qname())
        if getattr(function, "root", None) is None or function.root() is not self._module:
            return self._inferred(node)
        if isinstance(function, nodes.Lambda) and not isinstance(function, nodes.FunctionDef):
            return self.type_of(function.body, depth)
        if isinstance(function, nodes.AsyncFunctionDef) or function.is_generator():
            return self._inferred(node)
        values = [self.type_of(each.value, depth) for each in function._get_return_nodes_skip_functions() if each.value]
        return self._one(values) if values else self._inferred(node)

    # Callables

    def callee(self, node: nodes.Call, depth: int = _DEPTH) -> NodeNG | None:
        """Find the one function or class that a call calls, with the arguments in its text. None where not sure."""
        function = node.func
        if isinstance(function, nodes.Name):
            scope, _ = function.lookup(function.name)
            bindings = self._shared.get(function.name) or scope.locals.get(function.name, ())
            if scope.root().name == "builtins":
                return safe_infer(function)
            if len(bindings) != 1 or self.may_be_bound_by_text(function.name):
                return None
            return self._callable(bindings[0], function)
        if isinstance(function, nodes.Attribute):
            members = self._members.get(function.attrname, [])
            if not members and not self.binds_member(function.attrname):
                owner = self.type_of(function.expr, depth)
                return safe_infer(function) if owner is not None else None
            if len(members) == 1 and isinstance(members[0], nodes.FunctionDef):
                return self._callable(members[0], function)
        return None

    def _callable(self, binding: NodeNG, function: NodeNG) -> NodeNG | None:
        if isinstance(binding, nodes.FunctionDef):
            owner = method_owner(binding)
            return binding if _is_transparent(binding) and (owner is None or self.is_plain(owner)) else None
        if isinstance(binding, nodes.ClassDef):
            return binding if self.is_plain(binding) else None
        if isinstance(binding, nodes.ImportFrom | nodes.Import):
            return safe_infer(function)
        value = assigned_value(binding)
        return value if isinstance(value, nodes.Lambda) else None

    def is_plain(self, kind: nodes.ClassDef) -> bool:
        """Say whether a class does nothing unusual: it has no decorator, metaclass, foreign base or attribute hook."""
        return all(self._is_plain_itself(each) for each in (kind, *kind.ancestors())) and all(
            safe_infer(base) is not None for base in kind.bases
        )

    def _is_plain_itself(self, kind: nodes.ClassDef) -> bool:
        if kind.root() is not self._module:
            return kind.root().name == "builtins" and (kind.name == "object" or kind.name in _EXCEPTIONS)
        usual = not _UNUSUAL.intersection(kind.locals) and not any(map(self._binds_outside, _UNUSUAL))
        init = kind.locals.get("__init__", [])
        return (
            usual and not kind.decorators and not kind.keywords and len(init) <= 1 and all(map(_is_transparent, init))
        )

    def _binds_outside(self, name: str) -> bool:
        return any(isinstance(binding, nodes.AssignAttr) for binding in self._members.get(name, ()))


def method_owner(scope: NodeNG) -> nodes.ClassDef | None:
    """Find the class that a function is a method of, if it is one."""
    parent = scope.parent.frame() if isinstance(scope, nodes.FunctionDef) else None
    return parent if isinstance(parent, nodes.ClassDef) else None


def assigned_value(binding: NodeNG) -> NodeNG | None:
    """Find the value that a plain assignment gives to a name or attribute. None for loops, unpacking, parameters, ...

    `x += v` gives `v`, which is of the same type where the type does not change.
    """
    parent = binding.parent
    if isinstance(parent, nodes.Assign):
        return parent.value if binding in parent.targets else None
    if isinstance(parent, nodes.AnnAssign | nodes.NamedExpr | nodes.AugAssign):
        return parent.value
    return None


def _is_transparent(function: NodeNG) -> bool:
    if not isinstance(function, nodes.FunctionDef):
        return False
    decorators = function.decorators.nodes if function.decorators else []
    named = (decorator.func if isinstance(decorator, nodes.Call) else decorator for decorator in decorators)
    return all(each.as_string() in _TRANSPARENT for each in named)
