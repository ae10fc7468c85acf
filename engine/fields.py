"""Fields of a record that describes a problem: their names, their types, and what to say where one is wrong."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence

from engine.sandbox.rules import NAMES, rule_of

PROMPT_FIELDS = (
    "prompt",
    "text",
    "question",
    "instruction",
    "description",
    "problem",
    "problem_description",
    "problem_statement",
    "question_content",
)
"""Names under which a record may have its text; the first that is not blank is taken."""
REFERENCE_FIELDS = ("code", "solutions", "references", "solution", "reference", "reference_solution")
"""Names under which it may have its reference solutions; all of them are taken. HumanEval's is `canonical_solution`."""

_CHECKED = 3
"""Arguments of a `check`: input, expected and actual output."""


class ProblemError(ValueError):
    """A problem that cannot be judged; `field` names what is wrong with it."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"problem field `{field}`: {what}")
        self.field = field


def references_of(data: Mapping[str, object]) -> tuple[str, ...]:
    """Read all reference solutions of a record, each once: a text, a list of texts, or the JSON text of one."""
    found = [solution for name in REFERENCE_FIELDS for solution in _solutions(data.get(name), name)]
    return tuple(dict.fromkeys(solution for solution in found if solution.strip()))


def _solutions(value: object, name: str) -> Sequence[str]:
    if isinstance(value, str) and (name == "solutions" or value.lstrip().startswith("[")):
        text = value
        try:
            value = json.loads(text) if text.strip() else []
        except (ValueError, RecursionError) as error:
            if text.lstrip().startswith("[") and name == "solutions":
                raise ProblemError(name, f"is not JSON ({error})") from None
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(solution, str) for solution in value):
        raise ProblemError(name, "must be a list of strings")
    return [_unfenced(solution) for solution in value]


def _unfenced(text: str) -> str:
    """Take the code out of a text that is one Markdown block, as some data sets publish it. Other texts stay."""
    block = re.fullmatch(r"\s*```(?:python|py|python3)?[ \t]*\n(.*?\n)```\s*", text, re.DOTALL)
    return block[1] if block else text


def checker_of(data: Mapping[str, object]) -> str:
    """Give the checker of a record: the name of a rule, or source that defines `check(input, expected, actual)`."""
    checker = text_of(data, "checker").strip()
    try:
        if not checker or rule_of(checker) is not None:
            return checker
        if "check" in checker and _takes_three(parsed(checker, "checker")):
            return checker
    except ValueError as error:
        if isinstance(error, ProblemError):
            raise
    allowed = f"one of {', '.join(NAMES)}, or Python source with `def check(input, expected, actual)`"
    raise ProblemError("checker", f"must be {allowed}; is {checker[:80]!r}")


def _takes_three(tree: ast.Module) -> bool:
    """Say whether a function `check` of three arguments is defined."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "check":
            given = node.args
            positional = len(given.posonlyargs) + len(given.args)
            return positional - len(given.defaults) <= _CHECKED and (positional >= _CHECKED or given.vararg is not None)
    return False


def parsed(source: str, field: str) -> ast.Module:
    """Parse Python source; ProblemError names the field where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" and its like: the data set's business
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProblemError(field, f"is not valid Python ({error})") from None


def is_blank(text: str) -> bool:
    """Say whether a text shows nothing: it has only blanks, control characters and characters of no width."""
    return not any(character.isprintable() and not character.isspace() for character in text)


def text_of(data: Mapping[str, object], name: str) -> str:
    """Give a text field; empty where it is missing or null."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ProblemError(name, f"must be a string, is {kind_of(value)}")
    check_writable(value, name)
    return value


def check_writable(text: str, name: str) -> None:
    """Refuse a text that UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ProblemError(name, "holds a lone surrogate, which no file or tokenizer takes") from None


def list_of(data: Mapping[str, object], name: str) -> Sequence[object]:
    """Give a list field, which must be there."""
    if name not in data:
        raise ProblemError(name, "is missing")
    value = data[name]
    if not isinstance(value, list | tuple):
        raise ProblemError(name, f"must be a list, is {kind_of(value)}")
    return value


def kind_of(value: object) -> str:
    """Name the type of a value, for messages."""
    return "null" if value is None else type(value).__name__
