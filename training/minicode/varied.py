"""The `varied` tier asks for tasks of `long`, two steps each, in programs that differ in ways that do not matter.

Real policies choose names, comments, idioms and orders freely, and most of their failing programs have one fault. Here
the corpus does both: `vary` rewrites a block without changing what it computes, and exactly one step of a problem has a
mistake. docs/minicode.md says what was measured of it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle

from training.minicode.long import LONG
from training.minicode.primitives import FREQUENT, Edge, Kind, Primitive

SHARE = 0.6
"""Share of the corpus in which a weak step has its mistake."""
UNEVEN_SHARES = (0.9, 0.3)
"""The same in `uneven`, by turns: a policy passes most problems nearly never, or often."""
_COMMENTED = 0.3
"""Share of blocks that begin with a comment."""
_COMMENTS = ("then", "first", "result", "number", "up", "other")
_LISTS = ("kept", "line", "large")
"""Names for what a block builds, beside its own."""
NAMES: dict[str, tuple[str, ...]] = {
    "value": ("value", "item", "a", "e"),
    "word": ("word", "w", "s"),
    "letter": ("letter", "c", "l"),
    "number": ("number", "n", "m"),
    "name": ("name", "h", "o"),
    "score": ("score", "p", "b"),
    "digit": ("digit", "f", "r"),
    "i": ("i", "t"),
    "count": ("count", "length", "run"),
    **{
        own: tuple(dict.fromkeys((own, *_LISTS)))
        for own in (
            *("kept", "large", "peaks", "fresh", "sums", "higher", "signed", "clamped", "runs", "changed"),
            *("masked", "shifted", "packed", "raised", "ordered", "base", "other", "counts", "winners", "ranked"),
        )
    },
}
"""A local name -> those that may stand in its place in a block, each one token of the `long` tier's tokenizer."""
_IDIOMS = (
    (r"(\w+)\.append\((.*)\)$", r"\1 += [\2]"),
    (r"(\w+) \+= (.*)$", r"\1 = \1 + \2"),
    (r"(\w+) //= ", r"\1 = \1 // "),
    (r"= \[\]$", "= list()"),
    (r"= \{\}$", "= dict()"),
    (r"if (\w+) not in (\w+):", r"if not \1 in \2:"),
    (r"% (\w+) == 0:", r"% \1 < 1:"),
    (r"while (\w+) > 0:", r"while \1:"),
)
"""Two ways to write the same, each as likely as the other."""
FORMS: dict[str, tuple[str, ...]] = {
    "keep-greater": ("values = [value for value in values if value > {k}]",),
    "from-minimum": ("low = min(values)\nvalues = [value - low for value in values]",),
    "pair-sums": ("values = [sum(values[i:i + 2]) for i in range(0, len(values) - 1, 2)]",),
    "running-sums": ("values = [sum(values[:i + 1]) for i in range(len(values))]",),
    "alternate": (
        "values = [value if i % 2 < 1 else -value for i, value in enumerate(values)]",
        "for i in range(len(values)):\n    if i % 2 == 1:\n        values[i] = -values[i]",
    ),
    "largest": ("result = max(values)", "ordered = sorted(values)\nresult = ordered[-1]"),
    "above-mean": ("mean = sum(values) / len(values)\nresult = sum(value > mean for value in values)",),
    "halvings": ("result = abs(result).bit_length()",),
    "digits": ("values = [int(digit) for digit in str(abs(result))]",),
    "score-list": ("values = [scores[name] for name in sorted(scores)]",),
    "mismatches": ("result = sum(text[i] != text[-1 - i] for i in range(len(text)))",),
    "longer": ("words = [word for word in words if len(word) > {k}]",),
    "flip-odd": ("words = [word[::-1] if i % 2 == 1 else word for i, word in enumerate(words)]",),
    "acronym": ("text = ''.join(word[0].upper() for word in words)",),
    "qualify": ("scores = {name: score for name, score in scores.items() if score > {k}}",),
}
"""Other right algorithms of steps that have no mistake."""


def vary(code: str, rng: random.Random) -> str:
    """Rewrite a block of statements with other names, idioms, order and comments. What it computes stays the same."""
    lines = code.split("\n")
    if len(lines) > 1 and _independent(*lines[:2]) and rng.random() < 0.5:
        lines[:2] = lines[1::-1]
    for pattern, other in _IDIOMS:
        lines = [re.sub(pattern, other, line) if rng.random() < 0.5 else line for line in lines]
    code = "\n".join(lines)
    used: set[str] = set()
    for own in sorted(set(re.findall(r"\w+", code)) & set(NAMES)):
        chosen = rng.choice([name for name in NAMES[own] if name not in used])
        used.add(chosen)
        code = re.sub(rf"\b{own}\b", chosen, code)
    if rng.random() < _COMMENTED:
        code = f"# {rng.choice(_COMMENTS)}\n{code}"
    return code


def _independent(first: str, second: str) -> bool:
    """Say whether two lines are assignments to names that the other does not mention."""
    targets = [re.match(r"(\w+) = ", line) for line in (first, second)]
    if not all(targets):
        return False
    one, two = (target.group(1) for target in targets if target)
    return not re.search(rf"\b{one}\b", second) and not re.search(rf"\b{two}\b", first)


def _with_one_mistake(primitive: Primitive) -> Primitive:
    """Keep the likeliest mistake of a step that often has one in `long`. Other steps have none."""
    bug = max(primitive.bugs, key=lambda bug: bug.share)
    return replace(primitive, bugs=(replace(bug, share=SHARE),) if bug.share >= FREQUENT else ())


def _right(edges: dict[Kind, Edge]) -> dict[Kind, Edge]:
    return {kind: Edge(edge.code) for kind, edge in edges.items()}


VARIED = replace(
    LONG,
    name="varied",
    primitives=tuple(map(_with_one_mistake, LONG.primitives)),
    readers=_right(LONG.readers),
    printers=_right(LONG.printers),
    headers=_right(LONG.headers),
    returns=_right(LONG.returns),
    steps=(2,),
    lines=range(5, 25),
    corpus_steps=((1, 2), (2,)),
    train_count=192,
    held_out_count=192,
    one_weakness=True,
    references=False,
    forms=FORMS,
    vary=vary,
)


def _uneven(primitives: Iterable[Primitive]) -> tuple[Primitive, ...]:
    """Give weak steps other shares by turns."""
    shares = cycle(UNEVEN_SHARES)
    return tuple(
        replace(each, bugs=tuple(replace(bug, share=next(shares)) for bug in each.bugs)) if each.bugs else each
        for each in primitives
    )


UNEVEN = replace(VARIED, name="uneven", drawn_as="varied", primitives=_uneven(VARIED.primitives))
