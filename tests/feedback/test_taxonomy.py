"""The taxonomy: complete, and a run's changes to it checked."""

from __future__ import annotations

import builtins
from pathlib import Path

import pytest

from engine import Diagnostic, Source
from engine.analysis.checks import CODES
from engine.analysis.linter import Linter
from feedback import Category, TaxonomyError, load_taxonomy

TAXONOMY = load_taxonomy()
ROWS = set(TAXONOMY.rules)


def test_every_builtin_exception_has_a_row() -> None:
    names = {
        name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
    }
    listed = {code for section, code in ROWS if section == "exception"}
    assert names - listed == set()


def test_every_outcome_of_the_harness_has_a_row() -> None:
    listed = {code for section, code in ROWS if section == "outcome"}
    assert {"timeout", "memory", "output_limit", "crashed", "truncated", "triple-quoted", "suspicious"} <= listed


def test_every_message_the_linters_can_give_has_a_row_with_a_reason() -> None:
    assert Linter().codes - {code for section, code in ROWS if section == "pylint"} == set()
    assert {code for section, code in ROWS if section == "libcst"} == set(CODES)
    assert all(rule.reason for rule in TAXONOMY.rules.values())


@pytest.mark.parametrize(
    ("source", "code", "message", "truncated", "category"),
    [
        ("runtime", "IndexError", "", False, "U_line"),
        ("runtime", "Unheard", "", False, "U_line"),
        ("runtime", "timeout", "", False, "U_global"),
        ("runtime", "RecursionError", "", False, "U_global"),
        ("syntax", "SyntaxError", "invalid syntax", False, "U_line"),
        ("syntax", "SyntaxError", "invalid syntax", True, "U_global"),
        ("syntax", "SyntaxError", "unterminated triple-quoted string literal (detected at line 3)", False, "U_line"),
        ("syntax", "SyntaxError", "unterminated triple-quoted string literal (detected at line 3)", True, "U_global"),
        ("syntax", "IndentationError", "unexpected indent", False, "U_line"),
        ("syntax", "ValueError", "source code string cannot contain null bytes", False, "U_line"),
        ("runtime", "SyntaxError", "raised by the program", True, "U_line"),
        ("pylint", "E0602", "", False, "U_line"),
        ("pylint", "C0103", "", False, "U_ignore"),
    ],
)
def test_categories_follow_table_2_or_are_as_good(source, code, message, truncated, category) -> None:
    diagnostic = Diagnostic(Source(source), code, message, None)
    assert TAXONOMY.rule_for(diagnostic, truncated=truncated).category == category


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("IndentationError", "unexpected indent"),
        ("TabError", "inconsistent use of tabs and spaces in indentation"),
        ("SyntaxError", "unterminated triple-quoted string literal (detected at line 3)"),
        ("SyntaxError", "unterminated triple-quoted f-string literal (detected at line 3)"),
    ],
)
def test_table_2_itself_ignores_what_cpython_places_well(code, message) -> None:
    diagnostic = Diagnostic(Source.SYNTAX, code, message, None)
    assert TAXONOMY.rule_for(diagnostic, table_2=True).category == "U_ignore"
    raised = Diagnostic(Source.RUNTIME, code, message, None, code)
    assert TAXONOMY.rule_for(raised, table_2=True).category == "U_line"


@pytest.mark.parametrize(
    ("code", "builtin", "row"),
    [
        ("timeout", "Exception", "else"),
        ("memory", "OSError", "OSError"),
        ("timeout", "", "timeout"),
        ("crashed", "MemoryError", "MemoryError"),
        ("IndentationError", "Exception", "Exception"),
        ("RecursionError", "ValueError", "ValueError"),
        ("RecursionError", "RecursionError", "RecursionError"),
        ("JSONDecodeError", "ValueError", "ValueError"),
        ("SystemError", "SystemError", "SystemError"),
        ("else", "KeyError", "KeyError"),
    ],
)
def test_an_error_is_judged_by_its_kind_whatever_its_class_is_called(code, builtin, row) -> None:
    rule = TAXONOMY.rule_for(Diagnostic(Source.RUNTIME, code, "", None, builtin))
    assert (rule.category, rule.strength) == {
        "else": ("U_line", 0.6), "OSError": ("U_line", 0.8), "timeout": ("U_global", 1.0), "MemoryError": ("U_line", 0.7),
        "Exception": ("U_line", 0.6), "ValueError": ("U_line", 0.6), "RecursionError": ("U_global", 1.0),
        "SystemError": ("U_line", 0.6), "KeyError": ("U_line", 0.6),
    }[row]  # fmt: skip


def test_no_exception_that_a_program_can_raise_is_ignored() -> None:
    names = [
        name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
    ]
    for name in names:
        for table_2 in (False, True):
            rule = TAXONOMY.rule_for(Diagnostic(Source.RUNTIME, name, "", None, name), table_2=table_2)
            assert rule.category != "U_ignore", name


def test_a_run_changes_rows(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[exception]]\ncodes = ["IndentationError"]\ncategory = "U_line"\nstrength = 0.9\n')
    changed = load_taxonomy(str(file))
    rule = changed.rules["exception", "IndentationError"]
    assert (rule.category, rule.strength) == (Category.LINE, 0.9)
    assert len(changed.rules) == len(TAXONOMY.rules)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[exceptions]]\n", r"section 'exceptions' is not one of \[\[exception\]\]"),
        ('[[pylint]]\ncodes = ["E1"]\ncategory = "line"\n', "category is 'line'; allowed: U_global, U_line, U_ignore"),
        (
            '[[pylint]]\ncodes = ["E1"]\ncategory = "U_line"\nstrength = 2\n',
            "strength is 2; allowed: a number from 0 to 1",
        ),
        ('[[pylint]]\ncodes = ["E1"]\ncategory = "U_line"\ngate = "x"\n', "gate is 'x'; allowed: failing, confirmed"),
        ('[[pylint]]\ncode = "E1"\n', "number 1: unknown key 'code'; allowed: codes, category"),
        ('[[pylint]]\ncategory = "U_line"\n', "codes is missing"),
        ("nonsense", "not TOML"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(TaxonomyError, match=message):
        load_taxonomy(str(file))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(TaxonomyError, match=r"cannot read nowhere\.toml"):
        load_taxonomy("nowhere.toml")
