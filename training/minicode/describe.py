"""Write the planted mistakes as Markdown tables, for the end of docs/minicode.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from training.minicode.corpus import ANYWHERE
from training.minicode.primitives import Bug, Edge, Kind, Tier

HEADING = "## Planted mistakes"


def mistakes(tiers: Iterable[Tier]) -> str:
    """List every mistake in the warm-start corpora with its effect and share, as Markdown."""
    return "\n".join(_lines(tiers)) + "\n"


def _lines(tiers: Iterable[Tier]) -> Iterator[str]:
    yield HEADING
    yield ""
    anywhere = ", ".join(f"{what} in {share:.0%}" for what, share in ANYWHERE.items())
    yield from wrap(
        "`python -m training.minicode mistakes` writes this section from the tables that make the warm-start corpus. "
        "The share says how often the corpus has the wrong form where the step occurs. "
        "`⏎` is a line end, and `{k}` is a parameter. "
        f"Any program may also have others: {anywhere}.",
        width=120,
    )
    for tier in tiers:
        bugs = [bug for primitive in tier.primitives for bug in primitive.bugs]
        dominant = sum(any(bug.share > 0.5 for bug in primitive.bugs) for primitive in tier.primitives)
        yield ""
        yield f"### {tier.name}"
        yield ""
        yield f"There are {len(tier.primitives)} steps and {len(bugs)} mistakes."
        yield f"{dominant} steps are wrong more often than right."
        yield ""
        yield "| step | right | wrong | effect | share |"
        yield "|---|---|---|---|---|"
        for primitive in tier.primitives:
            yield from (_row(primitive.name, bug) for bug in primitive.bugs)
        for what, edges in _edges(tier):
            for kind, edge in edges.items():
                yield from (_row(f"{what} {kind.name.lower()}", bug) for bug in edge.bugs)


def _edges(tier: Tier) -> tuple[tuple[str, dict[Kind, Edge]], ...]:
    return ("read", tier.readers), ("print", tier.printers), ("define with", tier.headers), ("return", tier.returns)


def _row(name: str, bug: Bug) -> str:
    return f"| {name} | {_code(bug.right)} | {_code(bug.wrong)} | {bug.effect} | {bug.share:.0%} |"


def _code(text: str) -> str:
    if not text:
        return "(left out)"
    return "`` " + text.replace("\n", "⏎").replace("|", "\\|") + " ``"
