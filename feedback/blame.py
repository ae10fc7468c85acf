"""Turn findings into blames: decide category, place and strength, and which findings agree.

`feedback.rewards` turns blames into numbers per token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine import Diagnostic, Layout, Report, Source, Span, Verdict
from engine.text import ProgramText
from feedback.records import Blame, Category
from feedback.spans import Granularity, refine
from feedback.spectrum import shares, suspect
from feedback.stuck import stuck
from feedback.taxonomy import Gate, Rule, Taxonomy

STATIC_SOURCES = frozenset({Source.PYLINT, Source.LIBCST})
ERROR_SOURCES = frozenset({Source.RUNTIME, Source.SYNTAX})

_AGREEMENT = 0.2
"""What a linter adds to an error at the same text, times its weight (the line is right in 89 % of crashes then, in 58 %
without)."""
_UNSURE = 0.7
"""An error whose kind is a weaker guide than this to its place is weighed against the lines that failing tests ran."""
_UNCONFIRMED = 0.5
"""Weight of a static finding that the run-time error does not confirm."""
_WRONG_ANSWER = 0.3
"""Weight of a static finding where the program ran to its end."""


def decide_blames(
    report: Report,
    taxonomy: Taxonomy,
    *,
    truncated: bool = False,
    granularity: Granularity = "expression",
    spectrum: str | None = None,
    table_2: bool = False,
) -> tuple[Blame, ...]:
    """Make one blame for each finding or group of findings that agree: errors, the suspect, then the linters' own.

    A program that passed is blamed for nothing, whatever is found in it, and so is one that our own fault left
    unjudged. One that was cut off is blamed as a whole for whatever it did. The place of an error that more text might
    have averted says little, and so does a linter that read a part.

    Args:
        report: What the engine found.
        taxonomy: What each finding blames.
        truncated: Whether generation hit the length limit.
        granularity: How much text a place takes.
        spectrum: Formula that finds a suspect where no error has a sure place (`feedback.spectrum`), or None.
        table_2: Whether to follow the paper's Table 2. Then only programs that were cut off and do not parse are blamed
            as a whole, and some syntax errors are not blamed at all.
    """
    verdict = report.execution.verdict
    if verdict in (Verdict.PASSED, Verdict.INFRA):
        why = "the program passed" if verdict is Verdict.PASSED else "our own failure, not the program's"
        return tuple(_ignored(diagnostic, f"{why}: nothing is penalised") for diagnostic in report.diagnostics)
    text, layout = ProgramText(report.program), report.execution.layout
    observed = [item for item in report.diagnostics if item.source not in STATIC_SOURCES]
    static = [item for item in report.diagnostics if item.source in STATIC_SOURCES]
    if truncated and not table_2:
        return tuple(_of_unfinished(observed, static, taxonomy.rules["outcome", "truncated"]))
    blames: list[Blame] = []
    for diagnostic in observed:
        rule = taxonomy.rule_for(diagnostic, truncated=truncated, table_2=table_2)
        blames.append(_placed(_blame(diagnostic, rule, rule.strength, rule.reason), text, layout, granularity))
    if spectrum is not None and not any(blame.span is not None and blame.strength > _UNSURE for blame in blames):
        blames = _with_suspect(blames, report, taxonomy, spectrum)
    for diagnostic in static:
        rule = taxonomy.rule_for(diagnostic)
        strength, reason = _gated(diagnostic, rule, observed, verdict)
        _merge(blames, _placed(_blame(diagnostic, rule, strength, reason), text, layout, granularity), rule)
    return tuple(_whole_program_where_unlocated(blames))


def _of_unfinished(observed: list[Diagnostic], static: list[Diagnostic], rule: Rule) -> Iterable[Blame]:
    """Blame the whole program for each error or, with a wrong answer, for being cut off."""
    cut = Diagnostic(Source.RUNTIME, rule.code, "generation ended at the length limit", None)
    for diagnostic in [item for item in observed if item.source in ERROR_SOURCES] or [cut]:
        yield _blame(diagnostic, rule, rule.strength, rule.reason)
    for diagnostic in observed + static:
        if diagnostic.source not in ERROR_SOURCES:
            yield _ignored(diagnostic, f"{rule.reason}: no place in it is blamed")


def _ignored(diagnostic: Diagnostic, reason: str) -> Blame:
    return Blame(diagnostic, Category.IGNORE, None, 0.0, reason)


def _blame(diagnostic: Diagnostic, rule: Rule, strength: float, reason: str) -> Blame:
    if rule.category is Category.IGNORE or strength == 0:
        return _ignored(diagnostic, reason)
    span = diagnostic.span if rule.category is Category.LINE else None
    return Blame(diagnostic, rule.category, span, strength, reason)


def _placed(blame: Blame, text: ProgramText, layout: Layout, granularity: Granularity) -> Blame:
    """Give the blame as much text as its place takes. A parser says where it gave up, not what is wrong there."""
    if blame.span is None:
        return blame
    at_least = "statement" if blame.diagnostic.source is Source.SYNTAX and granularity == "expression" else granularity
    return replace(blame, span=refine(text, layout, blame.span, at_least))


def _gated(diagnostic: Diagnostic, rule: Rule, observed: Iterable[Diagnostic], verdict: Verdict) -> tuple[float, str]:
    """Compute the strength of a static finding in this program, and say why."""
    if rule.category is Category.IGNORE:
        return 0.0, rule.reason
    errors = [item for item in observed if item.source in ERROR_SOURCES]
    if any((item.builtin or item.code) in rule.confirms or _same_line(item, diagnostic) for item in errors):
        return rule.strength, f"{rule.reason}; the run-time error agrees"
    if rule.gate is Gate.CONFIRMED:
        return 0.0, f"{rule.reason}; counts only where the run-time error agrees"
    weight = _WRONG_ANSWER if verdict is Verdict.FAILED else _UNCONFIRMED
    return rule.strength * weight, rule.reason


def _with_suspect(errors: list[Blame], report: Report, taxonomy: Taxonomy, formula: str) -> list[Blame]:
    """Add the line most likely at fault. The lines of errors of an unsure kind are as likely as it finds them."""
    hints = {blame.span.line: blame.strength for blame in errors if blame.span is not None}
    likely = shares(report.program, report.execution, formula, hints)
    errors = [
        blame if blame.span is None else replace(blame, strength=likely.get(blame.span.line, blame.strength))
        for blame in errors
    ]
    found = suspect(ProgramText(report.program), report.execution, likely)
    if found is None and errors:
        found = stuck(report.program, report.execution)
    if found is not None:
        rule = taxonomy.rule_for(found[0])
        _merge(errors, _blame(found[0], rule, rule.strength * found[1], rule.reason), rule)
    return errors


def _same_line(one: Diagnostic, other: Diagnostic) -> bool:
    return one.span is not None and other.span is not None and one.span.line == other.span.line


def _merge(blames: list[Blame], found: Blame, rule: Rule) -> None:
    """Add a blame, or join it to the one it agrees with."""
    for index, blame in enumerate(blames):
        if found.category is Category.IGNORE or not _agree(blame, found, rule):
            continue
        where = blame if blame.span is not None else found
        strength, also = _joint_strength(blame, found, rule), (*blame.also, found.diagnostic)
        blames[index] = replace(blame, category=where.category, span=where.span, strength=strength, also=also)
        return
    blames.append(found)


def _joint_strength(blame: Blame, found: Blame, rule: Rule) -> float:
    """Add to an error once, for a linter that agrees: a line that crashed has run, and linters read alike."""
    stronger = max(blame.strength, found.strength)
    if blame.diagnostic.source not in ERROR_SOURCES:
        return stronger
    if found.diagnostic.source is Source.COVERAGE:
        return blame.strength if blame.span is not None else min(blame.strength, found.strength)
    if any(item.source in STATIC_SOURCES for item in blame.also):
        return stronger
    return min(1.0, stronger + _AGREEMENT * found.strength / rule.strength)


def _agree(blame: Blame, found: Blame, rule: Rule) -> bool:
    if blame.category is Category.LINE and blame.span is None:  # raised by the tests' call: no frame of the program's
        error = blame.diagnostic
        return (error.builtin or error.code) in rule.confirms or found.diagnostic.source is Source.COVERAGE
    if blame.span is None or found.span is None:
        return blame.category is found.category
    if blame.diagnostic.source is not Source.COVERAGE and found.diagnostic.source in STATIC_SOURCES:
        return _overlap(blame.diagnostic.span or blame.span, found.diagnostic.span or found.span)
    if found.diagnostic.source is Source.COVERAGE:
        return blame.span.line <= found.span.line <= blame.span.end_line
    return _overlap(blame.span, found.span)


def _overlap(one: Span, other: Span) -> bool:
    return one.start_byte < other.end_byte and other.start_byte < one.end_byte


def _whole_program_where_unlocated(blames: Iterable[Blame]) -> Iterable[Blame]:
    for blame in blames:
        if blame.category is Category.LINE and blame.span is None:
            yield replace(
                blame, category=Category.GLOBAL, reason=f"{blame.reason}; no place is known: the whole program"
            )
        else:
            yield blame
