"""Fields of a record that describes a problem: their names, their types, and what to say where one is wrong."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence

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


class ProblemError(ValueError):
    """A problem that cannot be judged; `field` names what is wrong with it."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"problem field `{field}`: {what}")
        self.field = field


def references_of(data: Mapping[str, object]) -> tuple[str, ...]:
    """All reference solutions of a record, each once: a text, a list of texts, or the JSON text of one."""
    found = [solution for name in REFERENCE_FIELDS for solution in _solutions(data.get(name), name)]
    return tuple(dict.fromkeys(solution for solution in found if solution.strip()))


def _solutions(value: object, name: str) -> Sequence[str]:
    if isinstance(value, str) and (name == "solutions" or value.lstrip().startswith("[")):
        try:
            value = json.loads(value) if value.strip() else []
        except (ValueError, RecursionError) as error:
            if name == "solutions":
                raise ProblemError(name, f"is not JSON ({error})") from None
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(solution, str) for solution in value):
        raise ProblemError(name, "must be a list of strings")
    return [_unfenced(solution) for solution in value]


def _unfenced(text: str) -> str:
    """The code in a text that is one Markdown block, which some data sets publish; other texts as they are."""
    block = re.fullmatch(r"\s*```(?:python|py|python3)?[ \t]*\n(.*?\n)```\s*", text, re.DOTALL)
    return block[1] if block else text


def parsed(source: str, field: str) -> ast.Module:
    """Parse Python source; ProblemError names the field where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\d" and its like: the data set's business
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProblemError(field, f"is not valid Python ({error})") from None


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
