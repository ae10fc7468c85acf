"""Decide which of pylint's messages are not believed, by families of false alarms.

A penalty on a right line teaches a policy to avoid what is right. So a message counts only where the whole program
leaves no doubt: every binding of a name agrees, no decorator stands between a call and its function, and nothing sets
attributes by text. The families come from pylint's public bug reports. `tests/engine/test_false_alarms.py` has programs
of each.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from types import ModuleType

from astroid import nodes
from astroid.nodes import NodeNG
from pylint.checkers.utils import safe_infer

from engine.analysis.certainty import Certainty
from engine.analysis.doubtful_names import BROAD_ERRORS, NAME_ERRORS, VERSIONS

_DYNAMIC_MEMBERS = frozenset({"setattr", "delattr", "__dict__", "vars", "exec", "eval", "__class__", "type"})
"""Where one of these is mentioned, attributes may be."""
_OPERATORS = frozenset(
    f"__{part}{name}__"
    for part in ("", "r", "i")
    for name in (
        "add",
        "sub",
        "mul",
        "matmul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "lshift",
        "rshift",
        "and",
        "or",
        "xor",
    )
) | {"__neg__", "__pos__", "__invert__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"}


class Doubts:
    """Says what speaks against messages about one program."""

    def __init__(self, module: nodes.Module) -> None:
        self._module = module
        self._certainty = Certainty(module)

    def about(self, code: str, node: NodeNG) -> bool:
        """Say whether there is a doubt about a message on a node."""
        rule = _RULES.get(code)
        return rule is not None and (rule(self, node) or guarded(node, _ERRORS[code]))

    # Names

    def _undefined(self, node: NodeNG) -> bool:
        """Doubt E0602: text may bind the name, a walrus does, or the line is not meant to run here."""
        name = getattr(node, "name", "")
        return self._certainty.may_be_bound_by_text(name) or name in self._walrus_names or unevaluated(node)

    def _unbound(self, node: NodeNG) -> bool:
        """Doubt E0601: only a use before every binding, in no loop with one, is sure to find none."""
        if self._undefined(node):
            return True
        scope = node.scope()
        bindings = [each for each in scope.locals.get(node.name, ()) if each is not node]
        loops = [each for each in node.node_ancestors() if isinstance(each, nodes.For | nodes.While)]
        if not bindings or (
            isinstance(scope, nodes.Lambda | nodes.ComprehensionScope | nodes.ClassDef)
            and not isinstance(scope, nodes.FunctionDef)
        ):
            return True
        before = any(binding.fromlineno < node.fromlineno for binding in bindings)
        return before or any(loop.parent_of(binding) for loop in loops for binding in bindings)

    @cached_property
    def _walrus_names(self) -> frozenset[str]:
        return frozenset(node.target.name for node in self._module.nodes_of_class(nodes.NamedExpr))

    @cached_property
    def _names_read(self) -> frozenset[str]:
        """Find names that are read for more than being compared with None."""
        names = self._module.nodes_of_class(nodes.Name)
        return frozenset(node.name for node in names if not _is_compared_with_none(node))

    # Values

    def _value(self, node: NodeNG) -> bool:
        return not self._certainty.believes(node)

    def _operands(self, node: NodeNG) -> bool:
        if isinstance(node, nodes.BinOp):
            return self._value(node.left) or self._value(node.right)
        if isinstance(node, nodes.AugAssign):
            return True  # its target has two bindings at least
        return self._value(node.operand) if isinstance(node, nodes.UnaryOp) else self._value(node)

    def _index(self, node: NodeNG) -> bool:
        """Doubt E1126 and E1127, by the sequence and its index."""
        if isinstance(node, nodes.Slice):
            parts = [part for part in (node.lower, node.upper, node.step) if part is not None]
            return any(self._value(part) for part in (node.parent.value, *parts))
        return not isinstance(node, nodes.Subscript) or self._value(node.value) or self._value(node.slice)

    def _contexts(self, node: NodeNG) -> bool:
        return any(self._value(context) for context, _ in node.items) if isinstance(node, nodes.With) else True

    def _assigned(self, node: NodeNG) -> bool:
        return self._value(node.value) if isinstance(node, nodes.Assign) else True

    def _member(self, node: NodeNG) -> bool:
        """Doubt E1101, unless the owner is sure and nothing in the program or in the real library has such a member."""
        if not isinstance(node, nodes.Attribute | nodes.AssignAttr | nodes.DelAttr):
            return True
        if self._certainty.binds_member(node.attrname):
            return True
        owner = safe_infer(node.expr)
        if owner is None or not self._certainty.believes(node.expr):
            return True
        if (
            owner.root() is self._module
            or getattr(getattr(owner, "_proxied", None), "root", owner.root)() is self._module
        ):
            return bool(self._certainty.words & _DYNAMIC_MEMBERS)
        real = _real(owner)
        return real is None or hasattr(real, node.attrname)

    def _format(self, node: NodeNG) -> bool:
        """Doubt E13xx, unless what is formatted is written out, or sure."""
        if isinstance(node, nodes.BinOp):
            return any(self._value(part) for part in _leaves(node.right))
        text = node.func.expr if isinstance(node, nodes.Call) and isinstance(node.func, nodes.Attribute) else None
        return text is None or self._value(text)

    # Calls

    def _arguments(self, node: NodeNG) -> bool:
        """Doubt E112x, unless it is sure which function is called, and that nothing changes its arguments."""
        return not isinstance(node, nodes.Call) or self._certainty.callee(node) is None

    def _called_value(self, node: NodeNG) -> bool:
        return not isinstance(node, nodes.Call) or self._value(node.func)

    def _nothing_returned(self, node: NodeNG) -> bool:
        """Doubt E1111 and E1128, unless the function is sure and what it does not give is used."""
        value = getattr(node, "value", None)
        if not isinstance(value, nodes.Call) or self._certainty.callee(value) is None:
            return True
        targets = node.targets if isinstance(node, nodes.Assign) else []
        names = [target.name for target in targets if isinstance(target, nodes.AssignName)]
        return len(names) != len(targets) or not self._names_read.issuperset(names)

    # Statements

    def _pointless(self, node: NodeNG) -> bool:
        """Doubt W0104: looking something up may have an effect, and so may an operator of the program's own."""
        value = node.value if isinstance(node, nodes.Expr) else node
        looks_up = any(True for _ in value.nodes_of_class((nodes.Subscript, nodes.Attribute)))
        return looks_up or any(map(self._certainty.binds_member, _OPERATORS))

    def _unassigned(self, node: NodeNG) -> bool:
        """Doubt W0106 for calls that are made for their effect, and not for what is computed from calls and dropped."""
        value = node.value if isinstance(node, nodes.Expr) else node
        return not isinstance(value, nodes.BinOp | nodes.Compare | nodes.UnaryOp) or self._pointless(node)

    @staticmethod
    def _switch(node: NodeNG) -> bool:
        """Doubt R1726 and R1727: a literal True or False is a switch that somebody set."""
        values = node.values if isinstance(node, nodes.BoolOp) else [node]
        return any(isinstance(value, nodes.Const) and isinstance(value.value, bool) for value in values)

    @staticmethod
    def _not_a_number(node: NodeNG) -> bool:
        """Doubt R0124: `x != x` asks whether it is a NaN."""
        return any(operator in ("==", "!=") for operator, _ in getattr(node, "ops", ()))


_RULES: dict[str, Callable[[Doubts, NodeNG], bool]] = {
    "E0602": Doubts._undefined,
    "E0601": Doubts._unbound,
    **dict.fromkeys(("E1133", "E1134", "E1135", "E1136", "E1137", "E1138", "E1143", "E1144"), Doubts._value),
    **dict.fromkeys(("E1130", "E1131"), Doubts._operands),
    **dict.fromkeys(("E1126", "E1127"), Doubts._index),
    **dict.fromkeys(("E1120", "E1121", "E1123", "E1124", "E1125", "E3102"), Doubts._arguments),
    **dict.fromkeys(("E1300", "E1301", "E1302", "E1303", "E1304", "E1305", "E1306", "E1307"), Doubts._format),
    **dict.fromkeys(("E1111", "E1128"), Doubts._nothing_returned),
    **dict.fromkeys(("E1129", "E1701"), Doubts._contexts),
    "E0633": Doubts._assigned,
    "E1101": Doubts._member,
    "E1102": Doubts._called_value,
    "W0104": Doubts._pointless,
    "W0106": Doubts._unassigned,
    **dict.fromkeys(("R1726", "R1727"), lambda _, node: Doubts._switch(node)),
    "R0124": lambda _, node: Doubts._not_a_number(node),
}


_ERRORS = {
    **dict.fromkeys(_RULES, frozenset({"TypeError", "ValueError"})),
    **dict.fromkeys(("E0602", "E0601"), NAME_ERRORS),
    "E1101": frozenset({"AttributeError"}),
    "W0104": NAME_ERRORS | {"TypeError"},
}
"""What would be raised at the place of a message: a program that catches it there asks a question."""


def unevaluated(node: NodeNG) -> bool:
    """Say whether a name stands in an annotation that Python does not evaluate: a local variable's, or any, lazily."""
    below: NodeNG = node
    for above in node.node_ancestors():
        if isinstance(above, nodes.AnnAssign) and below is above.annotation:
            return _is_lazy(node.root()) or isinstance(above.frame(), nodes.FunctionDef)
        if isinstance(above, nodes.Arguments) and below not in (above.defaults or []) + (above.kw_defaults or []):
            return _is_lazy(node.root())
        if isinstance(above, nodes.FunctionDef) and below is above.returns:
            return _is_lazy(node.root())
        below = above
    return False


def _is_lazy(module: nodes.Module) -> bool:
    return sys.version_info >= (3, 14) or "annotations" in module.future_imports


def guarded(node: NodeNG, errors: frozenset[str]) -> bool:
    """Say whether a line is not meant to run everywhere: its error is caught, or a version is asked for."""
    below: NodeNG = node
    for above in node.node_ancestors():
        tried = isinstance(above, nodes.Try) and below in above.body
        if tried and any(_catches(handler, errors) for handler in above.handlers):
            return True
        if isinstance(above, nodes.If | nodes.IfExp) and _asks_for_version(above.test):
            return True
        below = above
    return False


def _catches(handler: nodes.ExceptHandler, errors: frozenset[str]) -> bool:
    """Say whether a handler names one of the errors, or catches all of one statement. A large `try` asks nothing."""
    names = BROAD_ERRORS if handler.type is None else _words(handler.type)
    return bool(names & errors) or (bool(names & BROAD_ERRORS) and len(handler.parent.body) == 1)


def _asks_for_version(test: NodeNG) -> bool:
    never = isinstance(test, nodes.Const) and not test.value
    return never or any(map(VERSIONS.search, _words(test)))


def _is_compared_with_none(name: nodes.Name) -> bool:
    return isinstance(name.parent, nodes.Compare) and "None" in name.parent.as_string()


def _words(node: NodeNG) -> set[str]:
    names = {each.name for each in node.nodes_of_class(nodes.Name)}
    return names | {each.attrname for each in node.nodes_of_class(nodes.Attribute)}


def _leaves(node: NodeNG) -> Iterator[NodeNG]:
    """Give the values that a format string is given."""
    if isinstance(node, nodes.Tuple):
        yield from node.elts
    elif isinstance(node, nodes.Dict):
        yield from (value for _, value in node.items)
    else:
        yield node


def _real(owner: NodeNG) -> object | None:
    """Find the module or class of the library itself, where this process has loaded it."""
    if isinstance(owner, nodes.Module):
        return sys.modules.get(owner.name)
    kind = owner if isinstance(owner, nodes.ClassDef) else getattr(owner, "_proxied", None)
    if not isinstance(kind, nodes.ClassDef):
        return None
    module: ModuleType | None = sys.modules.get(kind.root().name, builtins if kind.root().name == "builtins" else None)
    found = getattr(module, kind.name, None)
    return found if isinstance(found, type) else None
