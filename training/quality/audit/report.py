"""Sum up an audit as numbers and as a table, and filter the set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine import Problem
from training.quality.audit.findings import MEANINGS, Finding, Kind, ProblemAudit
from training.run.rendering import visible


def summary(audits: Sequence[ProblemAudit], seconds: float) -> dict[str, object]:
    """Compute counts, the mutation score over all problems, and the duration."""
    mutants = [mutant for audit in audits for mutant in audit.mutants]
    by_operator = {
        name: [trial.caught for trial in mutants if trial.mutant.operator == name]
        for name in sorted({trial.mutant.operator for trial in mutants})
    }
    scores = [audit.score for audit in audits if audit.score is not None]
    return {
        "problems": len(audits),
        "kept": sum(not audit.dropped for audit in audits),
        "dropped": sum(audit.dropped for audit in audits),
        "references": sum(len(audit.references) for audit in audits),
        "references_right": sum(reference.right for audit in audits for reference in audit.references),
        "mutants": len(mutants),
        "mutants_caught": sum(trial.caught for trial in mutants),
        "mean_score": sum(scores) / len(scores) if scores else None,
        "by_operator": {name: [sum(caught), len(caught)] for name, caught in by_operator.items()},
        "findings": {
            kind.value: {
                "problems": sum(any(f.kind is kind for f in audit.findings) for audit in audits),
                "dropped": sum(any(f.kind is kind and f.drop for f in audit.findings) for audit in audits),
            }
            for kind in Kind
        },
        "seconds": seconds,
        "seconds_per_1000_problems": 1000 * seconds / len(audits) if audits else 0.0,
    }


def to_json(audit: ProblemAudit) -> dict[str, object]:
    """Write one problem's audit. Of the mutants, those that the tests let pass are listed."""
    survivors = [mutant.mutant for mutant in audit.mutants if not mutant.caught]
    return {
        "id": audit.id,
        "dropped": audit.dropped,
        "tests": audit.tests,
        "findings": msgspec.to_builtins(audit.findings),
        "references": msgspec.to_builtins(audit.references),
        "trivial": list(audit.trivial),
        "mutants": len(audit.mutants),
        "score": audit.score,
        "survivors": [{"operator": m.operator, "line": m.line, "change": m.change} for m in survivors],
        "seconds": audit.seconds,
    }


def filtered(problems: Sequence[Problem], audits: Sequence[ProblemAudit]) -> list[Problem]:
    """Yield the problems that are kept, without their wrong or flaky references."""
    kept = []
    for problem, audit in zip(problems, audits, strict=True):
        if not audit.dropped:
            bad = {
                reference.index
                for reference in audit.references
                if not reference.right and "infra" not in reference.verdicts
            }
            good = tuple(source for index, source in enumerate(problem.references) if index not in bad)
            kept.append(replace(problem, references=good))
    return kept


def render(audits: Sequence[ProblemAudit], seconds: float, shown: int) -> RenderableType:
    """Show an audit's findings, and name the first `shown` problems of each kind."""
    figures = summary(audits, seconds)
    findings = Table("finding", "problems", "dropped", "what it means", show_edge=False)
    for kind in Kind:
        found = [(audit, finding) for audit in audits for finding in audit.findings if finding.kind is kind]
        if found:
            dropped = sum(finding.drop for _, finding in found)
            findings.add_row(kind.value, str(len(found)), str(dropped or ""), MEANINGS[kind])
    named = Table("problem", "finding", "detail", show_edge=False)
    for audit, finding in _chosen(audits, shown):
        mark = "dropped: " if finding.drop else ""
        named.add_row(Text(visible(audit.id)), f"{mark}{finding.kind.value}", Text(visible(finding.detail[:200])))
    parts: list[Table | str] = [findings, "", named, ""] if shown else [findings, ""]
    return Group(*parts, _operators(figures), "", _last_line(figures))


def _chosen(audits: Sequence[ProblemAudit], shown: int) -> list[tuple[ProblemAudit, Finding]]:
    count: Counter[Kind] = Counter()
    chosen = []
    for audit in audits:
        for finding in audit.findings:
            count[finding.kind] += 1
            if count[finding.kind] <= shown:
                chosen.append((audit, finding))
    return chosen


def _operators(figures: dict[str, object]) -> Table:
    table = Table("mutants by operator", "made", "caught", show_edge=False)
    operators = figures["by_operator"]
    assert isinstance(operators, dict)
    for name, (caught, made) in operators.items():
        table.add_row(name, str(made), f"{caught / made:.1%}")
    return table


def _last_line(figures: dict[str, object]) -> str:
    score = figures["mean_score"]
    scored = "no mutants" if score is None else f"mean mutation score {score:.1%} over {figures['mutants']} mutants"
    return (
        f"{figures['problems']} problems, {figures['dropped']} to drop; {scored}; {figures['seconds']:.0f} s, "
        f"{figures['seconds_per_1000_problems']:.0f} s per 1,000 problems"
    )
