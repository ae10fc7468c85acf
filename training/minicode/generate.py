"""Draw the problems of a tier: chain steps, word them, and make tests by running the reference solution.

Nothing but this package's own reference code runs here. Train and held-out problems never share a family, which is the
names of the steps in their order.
"""

from __future__ import annotations

import copy
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from types import CodeType
from typing import Literal

from engine import CallTest, Problem, StdinTest
from training.minicode.primitives import Edge, Kind, Primitive, Step, Tier, indent
from training.minicode.wording import prompt_for

Split = Literal["train", "held_out"]
Shape = Literal["stdin", "call"]

TESTS = 6
"""Number of hidden tests of a problem."""
TIME_LIMIT = 0.2
"""CPU seconds for one test. References need well under a millisecond."""
_HELD_OUT_PERCENT = 20
_NAMES = ("solve", "compute", "process", "answer")
_WORD_LIST = (
    *("apple", "tree", "river", "stone", "idea", "cat", "sea", "train", "rose", "east", "tea", "lion", "egg", "door"),
    *("mouse", "ant", "night", "star", "oak", "radio", "level", "noon", "zebra", "eel", "kite", "ocean", "data", "see"),
)
_LARGEST = 10**9
_LONGEST = 200
_ATTEMPTS = 40
_DRAFTS_PER_PROBLEM = 50


@dataclass(frozen=True, slots=True)
class Draft:
    """A problem before it is worded. It says what to do, and in which shape."""

    tier: Tier
    steps: tuple[Step, ...]
    shape: Shape
    entry_point: str

    @property
    def takes(self) -> Kind:
        """Return the kind of the input."""
        return self.steps[0].primitive.takes

    @property
    def gives(self) -> Kind:
        """Return the kind of the output."""
        return self.steps[-1].primitive.gives

    @property
    def header(self) -> str | None:
        """Return the first line of the function to write, or None for a program that reads standard input."""
        return edges(self)[0].code.replace("{name}", self.entry_point) if self.shape == "call" else None

    @property
    def family(self) -> str:
        """Return the steps' names in order, which decide the split. Parameters, shape and wording do not count."""
        return " | ".join(step.primitive.name for step in self.steps)

    @property
    def weaknesses(self) -> int:
        """Count the steps that have mistakes in the corpus."""
        return sum(bool(step.primitive.bugs) for step in self.steps)


def split_of(family: str) -> Split:
    """Decide between train and held-out by a hash of the family. Single steps are always train."""
    if " | " not in family:
        return "train"
    return "held_out" if hashlib.sha256(family.encode()).digest()[0] * 100 // 256 < _HELD_OUT_PERCENT else "train"


def drafts(tier: Tier, split: Split, counts: tuple[int, ...], rng: random.Random, emphasis: int = 1) -> Iterator[Draft]:
    """Yield drafts of one split without end, with numbers of steps from `counts`.

    Train begins with every single step where 1 is among the counts. Steps with a parameter are `emphasis` times as
    likely as others.
    """
    pool = [primitive for primitive in tier.primitives for _ in range(emphasis if primitive.parameters else 1)]
    if split == "train" and 1 in counts:
        for primitive in tier.primitives:
            yield _draft(tier, (_with_parameter(primitive, rng),), rng)
    while True:
        steps = _draw_steps(pool, rng.choice(counts), rng)
        draft = _draft(tier, steps, rng)
        if split_of(draft.family) == split and not (tier.one_weakness and draft.weaknesses != 1):
            yield draft


def problems(tier: Tier, split: Split, count: int, *, references: bool = True) -> Iterator[Problem]:
    """Yield the first `count` problems of a split, with their references or without. They are always the same ones.

    Raises:
        ValueError: the split has fewer.
    """
    rng = random.Random(f"minicode {tier.drawn_as or tier.name} {split}")  # noqa: S311 - reproducible, not secret
    found = 0
    seen: set[tuple[tuple[Step, ...], Shape]] = set()
    for draft in islice(drafts(tier, split, tier.steps, rng), _DRAFTS_PER_PROBLEM * count):
        if (draft.steps, draft.shape) in seen:
            continue
        tests = make_tests(draft, rng) if reference(draft).count("\n") in tier.lines else None
        if tests is None:
            continue
        seen.add((draft.steps, draft.shape))
        problem = _problem(draft, tests, f"minicode-{tier.name}-{split}-{found}", rng)
        yield problem if references else replace(problem, references=())
        found += 1
        if found == count:
            return
    raise ValueError(f"minicode count {count}: the {split} split of {tier.name!r} has about {found} problems")


def reference(draft: Draft) -> str:
    """Write the right program."""
    first, last = edges(draft)
    return assemble(draft, [step.fill(step.primitive.code) for step in draft.steps], first.code, last.code)


def edges(draft: Draft) -> tuple[Edge, Edge]:
    """Return how the draft's programs begin and end."""
    if draft.shape == "stdin":
        return draft.tier.readers[draft.takes], draft.tier.printers[draft.gives]
    return draft.tier.headers[draft.takes], draft.tier.returns[draft.gives]


def assemble(draft: Draft, blocks: list[str], first: str, last: str) -> str:
    """Put a program together from its parts, each with or without mistakes."""
    if draft.shape == "stdin":
        return "\n".join((first, *blocks, last)) + "\n"
    body = "\n".join((*blocks, last))
    return first.replace("{name}", draft.entry_point) + "\n" + indent(body) + "\n"


def make_tests(draft: Draft, rng: random.Random) -> tuple[StdinTest | CallTest, ...] | None:
    """Make tests by running the steps. Return None if too few inputs suit them or a step makes no difference."""
    whole = _compile(draft.steps)
    shorter = [_compile(steps) for steps in _with_one_step_left_out(draft.steps)]
    variable, result = draft.tier.variables[draft.takes], draft.tier.variables[draft.gives]
    cases: list[tuple[object, object]] = []
    told_apart: set[int] = set()
    for _ in range(_ATTEMPTS):
        value = draw_input(draft.takes, rng)
        output = _run(whole, variable, value, result)
        if output is None or any(value == other for other, _ in cases):
            continue
        told_apart |= {i for i, code in enumerate(shorter) if _run(code, variable, value, result) != output}
        cases.append((value, output))
        if len(cases) == TESTS:
            break
    varied = len({repr(output) for _, output in cases}) > 2
    if len(cases) < TESTS or not varied or len(told_apart) < len(shorter):
        return None
    if draft.shape == "stdin":
        return tuple(StdinTest(draft.tier.stdin(value), _printed(draft, output)) for value, output in cases)
    return tuple(CallTest((value,), output) for value, output in cases)


def draw_input(kind: Kind, rng: random.Random) -> object:
    """Draw a random input value that is small enough for every step."""
    if kind is Kind.NUMBERS:
        return [rng.randint(-9, 20) for _ in range(rng.randint(4, 8))]
    if kind is Kind.NUMBER:
        return rng.randint(1, 999)
    if kind is Kind.SCORES:
        return {name: rng.randint(1, 20) for name in rng.sample(_WORD_LIST, rng.randint(3, 6))}
    words = [rng.choice(_WORD_LIST) for _ in range(rng.randint(3, 6))]
    if rng.random() < 0.5:
        words.append(rng.choice(words))
    return words if kind is Kind.WORDS else " ".join(words)


def _printed(draft: Draft, output: object) -> str:
    """Return what the tier's printer writes for a value."""
    lines: list[str] = []
    names = {draft.tier.variables[draft.gives]: output, "print": lambda *items: lines.append(" ".join(map(str, items)))}
    exec(draft.tier.printers[draft.gives].code, names)  # noqa: S102 - the tables' code, never a model's
    return "\n".join(lines) + "\n"


def _draft(tier: Tier, steps: tuple[Step, ...], rng: random.Random) -> Draft:
    return Draft(tier, steps, "call" if rng.random() < 0.5 else "stdin", rng.choice(_NAMES))


def _draw_steps(pool: list[Primitive], count: int, rng: random.Random) -> tuple[Step, ...]:
    chosen = [rng.choice(pool)]
    while len(chosen) < count:
        following = [p for p in pool if p.takes is chosen[-1].gives and p not in chosen]
        chosen.append(rng.choice(following))
    return tuple(_with_parameter(primitive, rng) for primitive in chosen)


def _with_parameter(primitive: Primitive, rng: random.Random) -> Step:
    return Step(primitive, rng.choice(primitive.parameters) if primitive.parameters else "")


def _with_one_step_left_out(steps: tuple[Step, ...]) -> list[tuple[Step, ...]]:
    """Yield the steps without one of them, wherever the rest still fits together."""
    if len(steps) == 1:
        return []
    return [steps[:i] + steps[i + 1 :] for i, step in enumerate(steps) if step.primitive.takes is step.primitive.gives]


def _compile(steps: tuple[Step, ...]) -> CodeType:
    return compile("\n".join(step.fill(step.primitive.code) for step in steps), "<reference>", "exec")


def _run(code: CodeType, variable: str, value: object, result: str) -> object | None:
    """Run this package's own code on one input. Return None if it has no result or one that is too large."""
    names: dict[str, object] = {variable: copy.copy(value)}
    try:
        exec(code, names)  # noqa: S102 - the tables' code, never a model's
    except (ValueError, IndexError, ZeroDivisionError, TypeError):
        return None
    output = names[result]
    items = output if isinstance(output, list) else output.values() if isinstance(output, dict) else [output]
    numbers = [item for item in items if isinstance(item, int)]
    if any(abs(x) > _LARGEST for x in numbers) or len(repr(output)) > _LONGEST or output in ("", [], {}):
        return None
    return output


def _problem(draft: Draft, tests: tuple[StdinTest | CallTest, ...], name: str, rng: random.Random) -> Problem:
    header = draft.header
    return Problem(
        id=name,
        tests=tests,
        prompt=prompt_for(draft.steps, draft.tier.inputs[draft.takes], header, rng),
        starter_code=header or "",
        entry_point=draft.entry_point if header else None,
        references=(reference(draft),),
        difficulty=f"{len(draft.steps)} steps",
        source=f"minicode {draft.tier.name}: {draft.family}",
        time_limit=TIME_LIMIT,
    )
