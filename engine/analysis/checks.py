"""Check programs on libcst trees for what pylint does not see, or cannot see without the problem.

This runs only in a worker process that may die, because libcst's parser can hang or overflow on hostile text. It
reports what it is sure of. `feedback/taxonomy.toml` decides what a finding is worth.
"""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

import libcst as cst

from engine.analysis.bindings import Use, descendants, uses
from engine.analysis.calls import CALLABLE_BUILTINS, arity_fault, entry_function, shadowed_calls
from engine.analysis.doubtful_names import names_bound_by_text, names_not_meant_to_run
from engine.analysis.facts import ProblemFacts
from engine.analysis.linter import bound_names
from engine.analysis.paths import follow
from engine.analysis.places import byte_places
from engine.records import Diagnostic, Source, Span
from engine.text import ProgramText

CODES = (
    "missing-entry-point",
    "entry-point-arity",
    "call-arity",
    "undefined-name",
    "unbound-on-a-path",
    "shadowed-builtin-called",
    "unreachable-code",
    "missing-return",
    "never-returns-value",
    "never-prints",
    "never-reads-input",
)
_DYNAMIC = frozenset({"open", "exec", "eval", "__import__", "import_module", "system"})
_WRITERS = _DYNAMIC | {"print", "pprint", "stdout", "__stdout__", "write", "writelines", "run", "Popen"}
_READERS = _DYNAMIC | {"input", "stdin", "__stdin__", "read", "readline", "readlines", "fileinput"}
_IMPLICIT = frozenset(dir(builtins)) | {
    "__file__",
    "__name__",
    "__doc__",
    "__builtins__",
    "__annotations__",
    "__class__",
    "__module__",
    "__qualname__",
    "__package__",
    "__loader__",
    "__spec__",
}


_SHARING = (cst.Global, cst.Nonlocal)


class Finding(NamedTuple):
    """One finding; `node` is None for the whole program."""

    code: str
    message: str
    node: cst.CSTNode | None


class Tree(NamedTuple):
    """A program's tree with the names used in it."""

    module: cst.Module
    nodes: tuple[cst.CSTNode, ...]
    functions: tuple[cst.FunctionDef, ...]
    uses: tuple[Use, ...]
    bound: Counter[str]
    """How often each name is bound, in any scope."""
    by_text: frozenset[str] | None
    """Names that the text of an `exec` may bind; None where text may bind any."""
    has_star_import: bool

    def is_function(self, name: str) -> bool:
        """Say whether a name stands for functions alone: neither text nor an assignment binds it."""
        definitions = sum(function.name.value == name for function in self.functions)
        return self.by_text is not None and name not in self.by_text and self.bound[name] == definitions


def structural_findings(source: str, text: ProgramText, facts: ProblemFacts) -> Sequence[Diagnostic]:
    """Find what is wrong with one program that compiles.

    Args:
        source: The program, with line ends as LF.
        text: The program as it was written, for spans.
        facts: How the problem's tests use it.

    Raises:
        Exception: Whatever libcst fails with. Such a program has no findings.
    """
    module = cst.parse_module(source)
    every = uses(module)
    nodes = tuple(descendants(module))
    tree = Tree(
        module,
        nodes,
        tuple(node for node in nodes if type(node) is cst.FunctionDef),
        tuple(every),
        Counter(use.name for use in every if use.kind == "bind"),
        names_bound_by_text(nodes),
        any(type(node) is cst.ImportStar for node in nodes),
    )
    found = [finding for check in _CHECKS for finding in check(tree, facts)]
    return _located(found, module, source, text) if found else ()


def _located(found: list[Finding], module: cst.Module, source: str, text: ProgramText) -> tuple[Diagnostic, ...]:
    """Locate findings. Positions cost nearly as much as parsing, so only programs with findings have them."""
    places = byte_places(module, [item.node for item in found if item.node is not None])
    plain = ProgramText(source.encode())

    def span_of(node: cst.CSTNode | None) -> Span | None:
        if node is None or node not in places:
            return None
        start, end = places[node]
        if isinstance(node, cst.FunctionDef):  # the header, not the body
            first_parameter = places[node.params][0]
            end = max(end, plain.line_end(plain.span(first_parameter, first_parameter).line))
        begin, finish = plain.span(start, start), plain.span(end, end)
        first = start - plain.line_start(begin.line)
        last = end - plain.line_start(finish.line)
        return text.span_of_columns(begin.line, first, finish.line, last)

    return tuple(Diagnostic(Source.LIBCST, item.code, item.message, span_of(item.node)) for item in found)


def _entry_point(tree: Tree, facts: ProblemFacts) -> Iterator[Finding]:
    if facts.entry_point is None:
        return
    function, is_method = entry_function(tree.module, facts.entry_point)
    if function is None:
        known = tree.has_star_import or facts.entry_point in tree.bound
        known = known or tree.by_text is None or facts.entry_point in tree.by_text
        if not known and facts.entry_point not in set(bound_names(facts.prelude)):
            yield Finding("missing-entry-point", f"the tests call {facts.entry_point}(), which is not defined", None)
        return
    if not tree.is_function(facts.entry_point):
        return
    for call in facts.calls:
        if fault := arity_fault(function, call.positional, call.keywords, is_method=is_method):
            yield Finding("entry-point-arity", f"the tests' call does not fit: {fault}", function)
            return
    ends = follow(function.body, frozenset(), frozenset()).end_reachable
    if facts.wants_value and ends and not _gives_value(function):
        yield Finding("never-returns-value", f"{facts.entry_point}() never returns a value", function)


def _gives_value(function: cst.FunctionDef) -> bool:
    """Say whether the function can return anything but None, or ends with an exception."""
    own = [node for part in [function.body] for node in descendants(part, into_scopes=False)]
    return bool(function.decorators) or any(
        (isinstance(node, cst.Return) and node.value is not None) or isinstance(node, cst.Yield | cst.Raise)
        for node in own
    )


def _local_calls(tree: Tree, _: ProblemFacts) -> Iterator[Finding]:
    """Find calls of a top-level function that is bound once, with arguments that cannot fit it."""
    top = {
        node.name.value: node for node in tree.module.body if isinstance(node, cst.FunctionDef) and not node.decorators
    }
    sure = {} if tree.by_text is None else top
    once = {name: node for name, node in sure.items() if tree.bound[name] == 1 and name not in (tree.by_text or ())}
    spared = names_not_meant_to_run(tree.module, tree.nodes, frozenset({"TypeError"})) if once else frozenset()
    for node in tree.nodes if once else ():
        if type(node) is not cst.Call or not isinstance(node.func, cst.Name) or node.func.value not in once:
            continue
        if id(node.func) in spared:
            continue
        if any(argument.star for argument in node.args):
            continue
        keywords = tuple(argument.keyword.value for argument in node.args if argument.keyword)
        if fault := arity_fault(once[node.func.value], len(node.args) - len(keywords), keywords):
            yield Finding("call-arity", fault, node)


def _undefined(tree: Tree, facts: ProblemFacts) -> Iterator[Finding]:
    """Find names that nothing binds, in any scope of the program, its prelude or Python."""
    known = tree.bound.keys() | _IMPLICIT | set(bound_names(facts.prelude))
    missing = [use for use in tree.uses if use.kind == "read" and use.name not in known]
    if not missing or tree.has_star_import or tree.by_text is None:
        return
    spared = names_not_meant_to_run(tree.module, tree.nodes)
    for use in missing:
        if use.name not in tree.by_text and id(use.node) not in spared:
            yield Finding("undefined-name", f"{use.name} is never bound", use.node)


def _paths(tree: Tree, _: ProblemFacts) -> Iterator[Finding]:
    outer = follow(tree.module, frozenset(), frozenset())
    yield from (Finding("unreachable-code", "no path leads here", node) for node in outer.unreachable)
    for function in tree.functions:
        yield from _paths_of(function)


def _paths_of(function: cst.FunctionDef) -> Iterator[Finding]:
    own = list(descendants(function.body, into_scopes=False))
    parameters = frozenset(node.name.value for node in descendants(function.params) if isinstance(node, cst.Param))
    shared = {item.name.value for node in own if type(node) in _SHARING for item in cast("cst.Global", node).names}
    assigned = _assigned(function, own) - shared
    found = follow(function.body, assigned | parameters, parameters)
    for node in found.unreachable:
        yield Finding("unreachable-code", "no path leads here", node)
    for name, node in found.unbound.items():
        yield Finding("unbound-on-a-path", f"{name} is not bound on every path to here", node)
    values = [node for node in own if type(node) is cst.Return and node.value is not None and not _is_none(node.value)]
    generates = any(type(node) is cst.Yield for node in own)
    if values and found.end_reachable and not generates:
        yield Finding("missing-return", f"{function.name.value}() returns a value on some paths only", function)


def _assigned(function: cst.FunctionDef, nodes: Sequence[cst.CSTNode]) -> frozenset[str]:
    """Find names that the function's own statements bind. Those of comprehensions are theirs alone."""
    own = frozenset(use.name for use in uses(function.body, into_scopes=False) if use.kind == "bind")
    inner = [node for node in nodes if type(node) is cst.CompFor]
    return own - {use.name for node in inner for use in uses(cst.AssignTarget(node.target)) if use.kind == "bind"}


def _is_none(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.Name) and value.value == "None"


def _streams(tree: Tree, facts: ProblemFacts) -> Iterator[Finding]:
    if not (facts.wants_output or facts.reads_input):
        return
    mentioned = {node.value for node in tree.nodes if type(node) is cst.Name}
    if facts.wants_output and not tree.has_star_import:
        if not mentioned & _WRITERS:
            yield Finding("never-prints", "the tests compare what is printed; nothing is", None)
        elif tree.module.body and all(
            isinstance(node, cst.FunctionDef) or _is_import(node) for node in tree.module.body
        ):
            yield Finding("never-prints", "only definitions: nothing is ever called", None)
    if facts.reads_input and not tree.has_star_import and not mentioned & _READERS:
        yield Finding("never-reads-input", "the tests give input; nothing reads it", None)


def _is_import(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.SimpleStatementLine) and isinstance(node.body[0], cst.Import | cst.ImportFrom)


def _shadowed(tree: Tree, _: ProblemFacts) -> Iterator[Finding]:
    if not tree.bound.keys() & CALLABLE_BUILTINS:
        return
    scopes: list[cst.FunctionDef | cst.Module] = [tree.module, *tree.functions]
    for scope in scopes:
        for call, name in shadowed_calls(scope):
            yield Finding("shadowed-builtin-called", f"{name} holds a value here, not Python's {name}()", call)


_CHECKS: tuple[Callable[[Tree, ProblemFacts], Iterator[Finding]], ...] = (
    _entry_point,
    _local_calls,
    _undefined,
    _paths,
    _shadowed,
    _streams,
)
