"""Read the table that says what each finding blames (`taxonomy.toml`), with a run's own changes to it.

Rows and their reasons are data.
"""

from __future__ import annotations

import builtins
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

from engine import Diagnostic, Source
from feedback.records import Category

Section = Literal["exception", "outcome", "pylint", "libcst"]
_SECTIONS = ("exception", "outcome", "pylint", "libcst")
_KEYS = ("codes", "category", "strength", "gate", "confirms", "reason", "table_2")
_BUILTINS = frozenset(vars(builtins))


class TaxonomyError(ValueError):
    """A row cannot be used. The message says which row, its value and what is allowed."""


class Gate(StrEnum):
    """The condition under which a static finding counts."""

    FAILING = "failing"
    """In any failing program."""
    CONFIRMED = "confirmed"
    """Only where the run-time error agrees."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row, which says what a finding with this code blames."""

    code: str
    category: Category
    strength: float
    """Weight of the penalty, from 0 to 1."""
    reason: str
    gate: Gate = Gate.FAILING
    confirms: tuple[str, ...] = ()
    """Exception types that a static finding explains."""
    table_2: Category | None = None
    """The category that the paper's Table 2 gives to this syntax error, where it is another."""


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All rules, by section and code."""

    rules: Mapping[tuple[str, str], Rule]

    def rule_for(self, diagnostic: Diagnostic, *, truncated: bool = False, table_2: bool = False) -> Rule:
        """Return the rule of one finding.

        Args:
            diagnostic: The finding.
            truncated: Whether generation hit the length limit: a syntax error is then its consequence.
            table_2: Take the category that the paper's Table 2 gives, where the row's own is another.
        """
        rule = self._rule_for(diagnostic, truncated)
        if table_2 and rule.table_2 is not None and diagnostic.source is Source.SYNTAX:
            return replace(rule, category=rule.table_2)
        return rule

    def _rule_for(self, diagnostic: Diagnostic, truncated: bool) -> Rule:
        code = diagnostic.code
        match diagnostic.source:
            case Source.SYNTAX:
                if truncated:
                    return self.rules["outcome", "truncated"]
                if diagnostic.message.startswith(
                    "unterminated triple-quoted"
                ):  # CPython has no class of its own for it
                    return self.rules["outcome", "triple-quoted"]
                return self.rules.get(("exception", code), self.rules["exception", "SyntaxError"])
            case Source.RUNTIME:
                return self._rule_of_error(code, diagnostic.builtin)
            case Source.COVERAGE | Source.REFERENCE:
                return self.rules["outcome", code]
            case Source.PYLINT | Source.LIBCST:
                unlisted = Rule(code, Category.IGNORE, 0.0, "not in the taxonomy")
                return self.rules.get((diagnostic.source.value, code), unlisted)

    def _rule_of_error(self, code: str, builtin: str) -> Rule:
        """Return the rule of a harness outcome, or of an exception by its kind, whatever its class is called."""
        if not builtin and ("outcome", code) in self.rules:
            return self.rules["outcome", code]
        names = (code, builtin) if code == builtin or code not in _BUILTINS else (builtin or code,)
        keys = (("exception", name) for name in (*names, "else"))
        return next(self.rules[key] for key in keys if key in self.rules)


@lru_cache(maxsize=8)
def load_taxonomy(overrides: str = "") -> Taxonomy:
    """Load the shipped taxonomy, with some rows replaced by those of a TOML file of the same shape.

    Args:
        overrides: Path of a TOML file, or empty for none.

    Raises:
        TaxonomyError: a row has an unknown key, section, category or gate, or a strength outside 0..1.
    """
    shipped = Path(__file__).with_name("taxonomy.toml")
    rules = _parse(shipped.read_text(encoding="utf-8"), shipped.name)
    if overrides:
        try:
            text = Path(overrides).read_text(encoding="utf-8")
        except OSError as error:
            raise TaxonomyError(f"cannot read {overrides} ({error.strerror})") from None
        rules |= _parse(text, overrides)
    return Taxonomy(rules)


def _parse(text: str, name: str) -> dict[tuple[str, str], Rule]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaxonomyError(f"{name}: not TOML: {error}") from None
    rules = {}
    for section, rows in data.items():
        if section not in _SECTIONS or not isinstance(rows, list):
            raise TaxonomyError(f"{name}: section {section!r} is not one of [[{']], [['.join(_SECTIONS)}]]")
        for number, row in enumerate(rows, start=1):
            for rule in _rules_of_row(row, f"{name}: [[{section}]] number {number}"):
                rules[section, rule.code] = rule
    return rules


def _rules_of_row(row: object, where: str) -> list[Rule]:
    if not isinstance(row, dict):
        raise TaxonomyError(f"{where}: must be a table, is {row!r}")
    if unknown := set(row) - set(_KEYS):
        raise TaxonomyError(f"{where}: unknown key {min(unknown)!r}; allowed: {', '.join(_KEYS)}")
    codes = _strings(row, "codes", where)
    if not codes:
        raise TaxonomyError(f"{where}: codes is missing; a row names at least one")
    strength = row.get("strength", 1.0)
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength <= 1:
        raise TaxonomyError(f"{where}: strength is {strength!r}; allowed: a number from 0 to 1")
    categories = [entry.value for entry in Category]
    category = _choice(row, "category", categories, where)
    table_2 = Category(_choice(row, "table_2", categories, where)) if "table_2" in row else None
    gate = _choice({"gate": "failing", **row}, "gate", [entry.value for entry in Gate], where)
    reason = str(row.get("reason", "set by this run"))
    confirms = tuple(_strings(row, "confirms", where))
    return [Rule(code, Category(category), float(strength), reason, Gate(gate), confirms, table_2) for code in codes]


def _strings(row: Mapping[str, object], key: str, where: str) -> list[str]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise TaxonomyError(f"{where}: {key} is {value!r}; allowed: a list of strings")
    return cast("list[str]", value)


def _choice(row: Mapping[str, object], key: str, allowed: list[str], where: str) -> str:
    value = row.get(key)
    if value not in allowed:
        raise TaxonomyError(f"{where}: {key} is {value!r}; allowed: {', '.join(allowed)}")
    return str(value)
