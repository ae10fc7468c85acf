"""The published prompt of each data set: plain functions from a problem to the text that a model reads.

What this module does not do: tokens, chat templates, cutting to a length (that depends on the model).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine import AssertTest, Problem


def apps_text(problem: Problem) -> str:
    """APPS's own format, which CodeRL and RLTF use too (Hendrycks et al. 2021).

    MBPP's asserts follow its text, in the words of its own prompt: what the zero-shot runs of models tuned on APPS read
    (reference/rltf.md, Table 9) is described so and was never released.
    """
    asserts = shown_asserts(problem)
    question = f"{problem.prompt}\nYour code should pass these tests:\n{asserts}\n" if asserts else problem.prompt
    starter = f"\n{problem.starter_code}" if problem.starter_code else ""
    kind = "Call-Based" if problem.entry_point else "Standard Input"
    return f"\nQUESTION:\n{question}{starter}\nUse {kind} format\nANSWER:\n"


def mbpp_text(problem: Problem) -> str:
    """MBPP's published prompt, without solved examples before it (Austin et al. 2021, section 3.1)."""
    return (
        f"You are an expert Python programmer, and here is your task: {problem.prompt}"
        f" Your code should pass these tests:\n\n{shown_asserts(problem)}\n[BEGIN]\n"
    )


def humaneval_text(problem: Problem) -> str:
    """HumanEval's prompt: a program up to the docstring of the function to write, which the completion continues."""
    return problem.prompt


def shown_asserts(problem: Problem) -> str:
    """The public asserts of a problem, one on each line; empty for problems that show none."""
    return "\n".join(test.source for test in problem.public_tests if isinstance(test, AssertTest))


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """A published prompt and how programs are read from what follows it."""

    text: Callable[[Problem], str]
    stop: tuple[str, ...] = ()
    """Strings that end a completion."""
    continues: bool = False
    """Whether the program is the prompt and the completion together."""


_NEXT_STATEMENT = ("\nclass ", "\ndef ", "\n#", "\n@", "\nif ", "\nprint(")
"""What follows a function, in column 0 (Chen et al. 2021 stop there)."""

FORMATS = {
    "apps": PromptFormat(apps_text),
    "mbpp": PromptFormat(mbpp_text, stop=("[DONE]",)),
    "humaneval": PromptFormat(humaneval_text, stop=_NEXT_STATEMENT, continues=True),
}
"""By the name that `--prompt-format` and `model.prompt_format` know them under."""
