"""Run pylint on program texts, many per second, with one warm linter and sources in memory.

This runs only in a worker process (`engine.analysis.worker`) that may hang, explode or die on hostile text. The
analysed code is never executed or imported. No file, plugin or configuration beside the program is read, and comments
that switch linters off are ignored.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from astroid import MANAGER
from astroid.builder import AstroidBuilder
from astroid.exceptions import AstroidError
from astroid.nodes import Call, ImportFrom, List, Module, Name, NodeNG, Subscript, Tuple
from pylint import checkers
from pylint.checkers import BaseChecker
from pylint.checkers.variables import VariablesChecker
from pylint.lint import PyLinter
from pylint.message import Message
from pylint.reporters import BaseReporter
from pylint.utils import ASTWalker, FileState

from engine.analysis import inference
from engine.analysis.doubts import Doubts
from engine.analysis.source import longest_chain
from engine.logical import without_block
from engine.records import Diagnostic, Source
from engine.text import ProgramText

NOT_CHECKED = ("E0606", "E0102", "E0202", "E0401", "E1200", "E1201", "E1205", "E1206")
"""Errors left out: too often wrong on correct programs (measured), dependent on the machine, or about logging."""
ALSO_CHECKED = ("W0104", "W0106", "R1726", "R1727", "R0124")
"""Warnings that point at real bugs more often than not: statements without effect, conditions that never change."""
_IDLE = {
    "VariablesChecker": ("_loopvar_name",),
    "ComparisonChecker": ("_check_callable_comparison", "_check_constants_comparison", "_check_unidiomatic_typecheck"),
    "MethodArgsChecker": ("_check_missing_timeout",),
    "BasicErrorChecker": ("_check_redefinition",),
    "RefactoringChecker": ("visit_functiondef",),
    "ImportsChecker": ("visit_import", "visit_functiondef", "visit_classdef", "visit_for", "visit_while"),
}
"""Methods of checkers that look for nothing but messages that are switched off (a quarter of pylint's time)."""
_ONLY_WITH = {
    "BasicErrorChecker": (("_check_nonlocal_and_global", "nonlocal"), ("_check_name_used_prior_global", "global")),
    "StdlibChecker": (("visit_call", "getenv"),),
}
"""Methods of checkers that find something only in programs with a certain word."""
_LONGEST_CHAIN = 50
_NAME = "program"
_PATH = "<program>"


Visit: TypeAlias = Callable[[NodeNG], None]


class _Collector(BaseReporter):  # type: ignore[misc]
    """Keeps messages instead of writing them."""

    name = "collector"

    def _display(self, layout: object) -> None:
        """Display nothing."""


class _Doubting(PyLinter):  # type: ignore[misc]
    """Leaves out the messages that are not believed of the module that is read."""

    doubts: Doubts | None = None

    def add_message(
        self, msgid: str, line: int | None = None, node: NodeNG | None = None, *rest: object, **more: object
    ) -> None:
        """Take a message from a checker, by its identifier or its name."""
        codes = [definition.msgid for definition in self.msgs_store.get_message_definitions(msgid)]
        if node is None or self.doubts is None or not any(self.doubts.about(code, node) for code in codes):
            super().add_message(msgid, line, node, *rest, **more)


class Linter:
    """A warm pylint, for any number of programs."""

    def __init__(self) -> None:
        self._reporter = _Collector()
        self._linter = _Doubting((), reporter=self._reporter)
        checkers.initialize(self._linter)
        self._linter.disable("all")
        self._linter.enable("E")
        for code in ALSO_CHECKED:
            self._linter.enable(code)
        for code in NOT_CHECKED:
            self._linter.disable(code)
        self._linter.initialize()
        self._names, self._values = ASTWalker(self._linter), ASTWalker(self._linter)
        for checker in self._linter.prepare_checkers():
            checker.open()
            self._spare(checker)
            walker = self._names if isinstance(checker, VariablesChecker) else self._values
            walker.add_checker(checker)  # token and raw checkers have no visit methods: they never run
        inference.remember()
        self._source = ""
        self._module: Module | None = None
        self._prelude_names: dict[str, tuple[str, ...]] = {}

    @property
    def codes(self) -> frozenset[str]:
        """Give the identifiers of all messages that can be given."""
        every = {definition.msgid for definition in self._linter.msgs_store.messages}
        return frozenset(code for code in every if self._linter.is_message_enabled(code))

    def names(self, source: str, text: ProgramText, prelude: str = "") -> tuple[Diagnostic, ...]:
        """Give messages about the names of a program that compiles: undefined, unbound, or not in their module.

        Args:
            source: The program, with line ends as LF.
            text: The program as it was written, for spans.
            prelude: Source that runs before the program. Its names are known.

        Raises:
            Exception: Whatever pylint or astroid fail with. Such a program has no findings.
        """
        return self._check(self._names, source, text, prelude)

    def values(self, source: str, text: ProgramText, prelude: str = "") -> tuple[Diagnostic, ...]:
        """Give all other messages, as `names` does. Most of them need to know the types of values.

        A program in which very many steps follow a value has none: to follow them costs seconds.
        """
        if longest_chain(source) > _LONGEST_CHAIN:
            return ()
        return self._check(self._values, source, text, prelude)

    def _check(self, walker: ASTWalker, source: str, text: ProgramText, prelude: str) -> tuple[Diagnostic, ...]:
        self._linter.config.additional_builtins = self._names_of(prelude)
        self._reporter.messages.clear()
        self._linter.set_current_module(_NAME, _PATH)
        module = self._module_of(source)
        self._linter.file_state = FileState(_NAME, self._linter.msgs_store, module)
        self._linter.doubts = Doubts(module)
        walker.walk(module)
        found = {_diagnostic(message, text) for message in self._reporter.messages}
        return tuple(sorted(found, key=lambda item: (item.span.start_byte if item.span else 0, item.code)))

    def _module_of(self, source: str) -> Module:
        """Give the program's tree. That of the last program is kept for its other messages."""
        if self._module is None or source != self._source:
            MANAGER.astroid_cache.pop(_NAME, None)
            self._module = None
            inference.forget()
            self._source = source
            self._module = AstroidBuilder(MANAGER).string_build(source, _NAME, _PATH)
        return self._module

    def _spare(self, checker: BaseChecker) -> None:
        """Leave out of a checker what only looks for messages that are switched off."""
        for name in _IDLE.get(type(checker).__name__, ()):
            getattr(checker, name)  # another pylint, another name: better to know
            setattr(checker, name, _nothing)
        for name, word in _ONLY_WITH.get(type(checker).__name__, ()):
            setattr(checker, name, partial(self._only_with, word, getattr(checker, name)))
        visits = {
            "BasicChecker": ("visit_call", _calls_of_reversed_and_format),
            "BasicErrorChecker": ("visit_call", self._calls_of_classes),
            "ImportsChecker": ("visit_importfrom", _relative_imports),
            "MethodArgsChecker": ("_check_positional_only_arguments_expected", _calls_with_keywords),
            "VariablesChecker": ("visit_subscript", _subscripts_of_literals),
        }
        if type(checker).__name__ in visits:
            name, visit = visits[type(checker).__name__]
            setattr(checker, name, partial(visit, checker, getattr(checker, name)))

    def _only_with(self, word: str, visit: Visit, node: NodeNG) -> None:
        if word in self._source:
            visit(node)

    def _calls_of_classes(self, _: BaseChecker, visit: Visit, node: Call) -> None:
        """Look for instances of abstract classes (E0110) without inferring functions: Python's own have capitals."""
        name = node.func.name if isinstance(node.func, Name) else getattr(node.func, "attrname", "")
        if not name[:1].islower() or "class" in self._source:
            visit(node)

    def _names_of(self, prelude: str) -> tuple[str, ...]:
        if prelude not in self._prelude_names:
            self._prelude_names[prelude] = tuple(sorted(set(bound_names(prelude))))
        return self._prelude_names[prelude]


def _nothing(*_: object) -> None:
    """Do nothing, in place of a method that is left out."""


_nothing.checks_msgs = ()  # type: ignore[attr-defined]  # so that a walker does not call it


def _calls_of_reversed_and_format(checker: BaseChecker, _: Visit, node: Call) -> None:
    """`BasicChecker.visit_call` without its search for calls after which nothing runs (W0101)."""
    checker._check_misplaced_format_function(node)
    named = isinstance(node.func, Name) and node.func.name == "reversed"
    if named and not ("reversed" in node.frame() or "reversed" in node.root()):
        checker._check_reversed(node)


def _calls_with_keywords(_: BaseChecker, visit: Visit, node: Call) -> None:
    """Look for positional-only parameters given by keyword (E3102) only where something is given by keyword."""
    if node.keywords:
        visit(node)


def _subscripts_of_literals(_: BaseChecker, visit: Visit, node: Subscript) -> None:
    """Look for indices past the end (E0643) in literals only, so that others need not be inferred."""
    if isinstance(node.value, Tuple | List):
        visit(node)


def _relative_imports(_: BaseChecker, visit: Visit, node: ImportFrom) -> None:
    if node.level:
        visit(node)


def bound_names(prelude: str) -> Iterator[str]:
    """Find names that a prelude binds at its top level. Star imports of the library are looked up by parsing."""
    try:
        tree = ast.parse(prelude)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=[ast.alias(name="*")]):
                yield from _star_names(module)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (entry.asname or entry.name.partition(".")[0] for entry in names)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name


def _star_names(module: str) -> list[str]:
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return []
    try:
        return list(MANAGER.ast_from_module_name(module).wildcard_import_names())
    except AstroidError:
        return []


def _diagnostic(message: Message, text: ProgramText) -> Diagnostic:
    if message.end_line is None or message.end_column is None:
        span = text.line_span(message.line)
    else:
        span = text.span_of_columns(message.line, message.column, message.end_line, message.end_column)
        span = without_block(text, span)
    return Diagnostic(Source.PYLINT, message.msg_id, message.msg.splitlines()[0] if message.msg else "", span)
