"""Write the results of amplifying as lines of the new set, as numbers, and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from training.quality.amplify.records import Amplified
from training.quality.audit.writing import problem_record
from training.run.rendering import visible

_NAMED = 5
"""Maximum number of caught programs that a test's provenance names."""


def amplified_record(result: Amplified) -> dict[str, object]:
    """Write the problem as a record. `provenance` has null for each old test and the origin of each new one."""
    old = len(result.problem.tests) - len(result.added)
    provenance: list[object] = [None] * old
    for test in result.added:
        named = list(test.catches[:_NAMED])
        provenance.append(
            {"origin": test.origin, "references": test.references, "catches": len(test.catches), "first": named}
        )
    return {**problem_record(result.problem), "provenance": provenance}


def summary(results: Sequence[Amplified], seconds: float) -> dict[str, Any]:
    """Count over all problems, with the time it took."""
    tried = [result for result in results if not result.left_out]
    rejected: Counter[str] = Counter()
    for result in tried:
        rejected.update(dict(result.rejected))
    added = sum(len(result.added) for result in results)
    return {
        "problems": len(results),
        "left_out": dict(Counter(result.left_out for result in results if result.left_out)),
        "problems_with_new_tests": sum(bool(result.added) for result in results),
        "tests_before": sum(len(result.problem.tests) for result in results) - added,
        "tests_added": added,
        "inputs_tried": sum(result.candidates for result in tried),
        "inputs_rejected": dict(rejected),
        "mutants": sum(result.mutants for result in tried),
        "mutants_caught_before": sum(result.caught_before for result in tried),
        "mutants_caught_after": sum(result.caught_after for result in tried),
        "programs": sum(result.programs for result in tried),
        "programs_caught": sum(result.programs_caught for result in tried),
        "seconds": seconds,
        "seconds_per_1000_problems": 1000 * seconds / len(results) if results else 0.0,
    }


def render(figures: dict[str, Any]) -> RenderableType:
    """Write the summary as tables."""
    table = Table("", "before", "after", show_edge=False)
    before, after = figures["tests_before"], figures["tests_before"] + figures["tests_added"]
    table.add_row("tests", str(before), str(after))
    if made := figures["mutants"]:
        caught = [figures[f"mutants_caught_{when}"] for when in ("before", "after")]
        table.add_row(f"caught of {made} mutants", *(f"{count} ({count / made:.1%})" for count in caught))
    if figures["programs"]:
        table.add_row(f"caught of {figures['programs']} passing programs", "0", str(figures["programs_caught"]))
    why = Table("left out or rejected", "count", show_edge=False)
    for reason, count in figures["left_out"].items():
        why.add_row(f"problem: {visible(reason)}", str(count))
    for reason, count in figures["inputs_rejected"].items():
        why.add_row(f"input: {visible(reason)}", str(count))
    last = (
        f"{figures['problems']} problems, {figures['problems_with_new_tests']} with new tests; "
        f"{figures['seconds']:.0f} s, {figures['seconds_per_1000_problems']:.0f} s per 1,000 problems"
    )
    parts: list[Table | str] = [table, "", why, ""] if why.row_count else [table, ""]
    return Group(*parts, last)
