"""Formats: what a policy reads for a problem, what it is taught for a reference, and which bytes of it are the program.

No tokens and no model here: `training.models.prompts` encodes these texts with a policy's tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine import AssertTest, Problem
from feedback import COMPLETION_FORMATS, CompletionFormat
from training.errors import PolicyError

if TYPE_CHECKING:
    from training.sections import ModelSection

_CHAT = "chat"
_FIELDS = "{prompt}, {starter_code}, {tests} and {entry_point}"
_CHAT_TEMPLATE = (
    "{prompt}\n\n{starter_code}\n{tests}\n\n"
    "Write a Python program that solves this. Answer with one Markdown block of Python code."
)


@dataclass(frozen=True, slots=True)
class ProgramFormat:
    """One format for everything that a policy reads and writes."""

    prompt: str
    """A published format's name, `chat`, `chat:TEMPLATE` or a TEMPLATE, as `model.prompt_format` has it."""
    completion: CompletionFormat
    """Which bytes of a completion are the program."""

    @classmethod
    def of(cls, section: ModelSection, *, leading_blank: bool = False) -> ProgramFormat:
        """Make the configured format. A published one has its own stop strings where none are configured.

        `leading_blank` says whether the tokenizer puts a blank before a text that stands alone.
        """
        published = COMPLETION_FORMATS.get(section.prompt_format, CompletionFormat())
        stop = section.stop or published.stop
        return cls(
            section.prompt_format, replace(published, extract=section.extract, stop=stop, leading_blank=leading_blank)
        )

    @property
    def is_chat(self) -> bool:
        """Whether the text becomes a user's message in the tokenizer's chat template."""
        return self.prompt.partition(":")[0] == _CHAT

    def text(self, problem: Problem) -> str:
        """Write what the policy reads for a problem, before any chat template.

        Raises:
            PolicyError: the template is malformed.
        """
        text = self._text(problem)
        if self.completion.continues_prompt or _names_function(text, problem):
            return text
        named = f"{problem.prompt.rstrip()}\nThe program must define `{problem.entry_point}`."
        begun = f"\nIt begins so:\n{problem.starter_code.rstrip()}" if _is_of_a_class(problem) else ""
        return self._text(replace(problem, prompt=named + begun))

    def _text(self, problem: Problem) -> str:
        if self.prompt in _PUBLISHED:
            return _PUBLISHED[self.prompt](problem)
        template = (self.prompt.partition(":")[2] or _CHAT_TEMPLATE) if self.is_chat else self.prompt
        try:
            return template.format(
                prompt=problem.prompt,
                starter_code=problem.starter_code,
                tests=shown_asserts(problem),
                entry_point=problem.entry_point or "",
            )
        except (KeyError, IndexError, ValueError) as error:
            raise PolicyError(
                f"model.prompt_format {self.prompt!r}: {error}; allowed: {', '.join(_PUBLISHED)}, chat, chat:TEMPLATE"
                f" or a TEMPLATE, which may use {_FIELDS}"
            ) from None

    def shortened(self, problem: Problem, share: float) -> Problem:
        """Keep `share` of the problem's own words: their beginning, or their end where the completion continues it."""
        keep = int(len(problem.prompt) * share)
        start = len(problem.prompt) - keep if self.completion.continues_prompt else 0
        return replace(problem, prompt=problem.prompt[start : start + keep])

    def taught(self, problem: Problem) -> tuple[str, ...]:
        """Write the problem's references as completions: texts from which they are read back.

        References that cannot be written so are left out. Examples are one that does not begin with the prompt that it
        should continue, and one that contains a stop string.
        """
        completions = (self._completion(problem, reference) for reference in problem.references)
        return tuple(
            text
            for text, reference in zip(completions, problem.references, strict=True)
            if self.completion.program(_encoded(text), problem).text.rstrip() == _encoded(reference).rstrip()
        )

    def _completion(self, problem: Problem, reference: str) -> str:
        text = reference.removeprefix(problem.prompt) if self.completion.continues_prompt else reference
        return f"```python\n{text.rstrip()}\n```" if self.completion.extract == "fence" else text


def apps_text(problem: Problem) -> str:
    """Write APPS's own format, which CodeRL and RLTF use too (Hendrycks et al. 2021).

    MBPP's asserts follow its text, in the words of its own prompt. RLTF describes such zero-shot runs of models tuned
    on APPS (Table 9) and never released what they read.
    """
    asserts = shown_asserts(problem)
    question = f"{problem.prompt}\nYour code should pass these tests:\n{asserts}\n" if asserts else problem.prompt
    starter = f"\n{problem.starter_code}" if problem.starter_code else ""
    kind = "Call-Based" if problem.entry_point else "Standard Input"
    return f"\nQUESTION:\n{question}{starter}\nUse {kind} format\nANSWER:\n"


def mbpp_text(problem: Problem) -> str:
    """Write MBPP's published prompt, without solved examples before it (Austin et al. 2021, section 3.1)."""
    return (
        f"You are an expert Python programmer, and here is your task: {problem.prompt}"
        f" Your code should pass these tests:\n\n{shown_asserts(problem)}\n[BEGIN]\n"
    )


def humaneval_text(problem: Problem) -> str:
    """Write HumanEval's prompt: a program up to the docstring of the function, which the completion continues."""
    return problem.prompt


def shown_asserts(problem: Problem) -> str:
    """List the public asserts of a problem, one on each line. Empty for problems that show none."""
    return "\n".join(test.source for test in problem.public_tests if isinstance(test, AssertTest))


def _names_function(text: str, problem: Problem) -> bool:
    """Say whether a text says what the function is called that the tests call, if they call one.

    Where that is a class, its methods are in the starter code alone.
    """
    if _is_of_a_class(problem) and problem.starter_code.strip() not in text:
        return False
    return not problem.entry_point or re.search(rf"\b{re.escape(problem.entry_point)}\b", text) is not None


def _is_of_a_class(problem: Problem) -> bool:
    """Say whether tests call methods of a class, which the starter code begins."""
    begins = rf"\bclass {re.escape(problem.entry_point or '')}\s*[:(]"
    return re.search(begins, problem.starter_code) is not None


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")


_PUBLISHED: dict[str, Callable[[Problem], str]] = {"apps": apps_text, "mbpp": mbpp_text, "humaneval": humaneval_text}
"""Prompts as published. `feedback.COMPLETION_FORMATS` has how programs are read from what follows them."""
