"""Word the same task in several ways."""

from __future__ import annotations

import random

from training.minicode.primitives import Step

_STDIN_OPENERS = ("Read {input}. ", "The input is {input}. ", "Given {input} on standard input. ")
_CALL_OPENERS = ("Write {function} for {input}. ", "Complete {function} that takes {input}. ")
_STDIN_CLOSERS = ("Print the result.", "Write the result to standard output.")
_CALL_CLOSERS = ("Return the result.", "The function returns the result.")


def prompt_for(steps: tuple[Step, ...], inputs: tuple[str, ...], header: str | None, rng: random.Random) -> str:
    """Write one wording of a problem.

    Args:
        steps: The steps, in order.
        inputs: Names for the input. A function's prompt takes the first.
        header: First line of the function to write, or None where the program reads standard input.
        rng: Chooses among the wordings.
    """
    described = rng.choice(inputs[:1] if header else inputs)
    opener = rng.choice(_CALL_OPENERS if header else _STDIN_OPENERS).replace("{input}", described)
    closer = rng.choice(_CALL_CLOSERS if header else _STDIN_CLOSERS)
    if header:
        opener = opener.replace("{function}", header.removeprefix("def ").removesuffix(":"))
    wordings = [step.fill(rng.choice(step.primitive.wordings)) for step in steps]
    return opener + _sentences(wordings, rng) + closer


def _sentences(wordings: list[str], rng: random.Random) -> str:
    style = rng.randrange(3)
    if style == 0:
        return "".join(wording[0].upper() + wording[1:] + ". " for wording in wordings)
    if style == 1 or len(wordings) == 1:
        return "Please " + ", then ".join(wordings) + ". "
    return "First, " + ", then ".join(wordings[:-1]) + ", and finally " + wordings[-1] + ". "
