"""The warm-start corpus pairs prompts of the train split with programs that are right, or wrong in typical ways.

Every mistake comes from the tier's tables or from `ANYWHERE`. docs/minicode.md lists them all. Nothing checks that a
mistake changes an output.
"""

from __future__ import annotations

import random
import re
from itertools import chain, islice

from training.minicode.generate import Draft, assemble, drafts, edges
from training.minicode.primitives import Bug, Primitive, Tier
from training.minicode.wording import prompt_for

ANYWHERE = {
    "a bracket or colon is lost (SyntaxError)": 0.03,
    "one use of a variable is misspelt (NameError)": 0.02,
}
"""Mistakes that any program may have, with their shares of the corpus."""
_LOST, _MISSPELT = ANYWHERE.values()
_MISSPELLINGS = {"xs": "ys", "n": "m", "s": "t", "ws": "vs"} | {
    **{"values": "vals", "result": "results", "text": "txt", "words": "wrods", "scores": "scors"},
}


def corpus(tier: Tier, count: int, seed: int) -> list[tuple[str, str]]:
    """Draw `count` pairs of prompt and program from train families. The same seed gives the same corpus."""
    rng = random.Random(f"minicode corpus {tier.name} {seed}")  # noqa: S311 - reproducible, not secret
    part = -(-count // len(tier.corpus_steps))
    streams = [islice(drafts(tier, "train", steps, rng, tier.parameter_emphasis), part) for steps in tier.corpus_steps]
    chosen = islice(chain.from_iterable(streams), count)
    return [(_prompt(draft, rng), program_with_mistakes(draft, rng)) for draft in chosen]


def program_with_mistakes(draft: Draft, rng: random.Random) -> str:
    """Write a program for the draft in which each mistake occurs with the probability of its share."""
    tier, (first, last) = draft.tier, edges(draft)
    codes = [_form(tier, step.primitive, rng) for step in draft.steps]
    blocks = [
        _varied(tier, step.fill(_with_bugs(code, step.primitive.bugs, rng)), rng)
        for step, code in zip(draft.steps, codes, strict=True)
    ]
    begin, end = _with_bugs(first.code, first.bugs, rng), _with_bugs(last.code, last.bugs, rng)
    if draft.shape == "stdin":  # a function's first and last line are its task's
        begin, end = _varied(tier, begin, rng), _varied(tier, end, rng)
    program = assemble(draft, blocks, begin, end)
    if rng.random() < _LOST:
        program = _replace_one(r"[)\]:]", "", program, rng)
    if rng.random() < _MISSPELT:
        variable = draft.tier.variables[draft.gives]
        program = _replace_one(rf"\b{variable}\b", _MISSPELLINGS[variable], program, rng)
    return program


def with_bug(code: str, bug: Bug) -> str:
    """Put one mistake into `code`, at the first place it fits."""
    return code.replace(bug.right, bug.wrong, 1)


def _form(tier: Tier, primitive: Primitive, rng: random.Random) -> str:
    """Choose among a step's right codes. A step with one takes no random number."""
    others = tier.forms.get(primitive.name, ())
    return rng.choice((primitive.code, *others)) if others else primitive.code


def _varied(tier: Tier, code: str, rng: random.Random) -> str:
    return tier.vary(code, rng) if tier.vary else code


def _prompt(draft: Draft, rng: random.Random) -> str:
    return prompt_for(draft.steps, draft.tier.inputs[draft.takes], draft.header, rng)


def _with_bugs(code: str, bugs: tuple[Bug, ...], rng: random.Random) -> str:
    for bug in bugs:
        if rng.random() < bug.share:
            code = with_bug(code, bug)
    return code


def _replace_one(pattern: str, wrong: str, program: str, rng: random.Random) -> str:
    found = list(re.finditer(pattern, program))
    if not found:
        return program
    chosen = rng.choice(found)
    return program[: chosen.start()] + wrong + program[chosen.end() :]
