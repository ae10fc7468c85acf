"""Which bytes of a completion are the program.

A completion may have prose around its program, run on after the program's end, or continue a program that the prompt
began. Training, evaluation and every other caller read programs through `CompletionFormat`: all judge the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine import Problem
from feedback.records import FinishReason
from feedback.tokens import extract_program, token_offsets

Extract = Literal["whole", "fence"]


@dataclass(frozen=True, slots=True)
class WrittenProgram:
    """A program that was read from a completion."""

    text: bytes
    """Everything that is judged."""
    begun: int
    """Bytes at its start that the prompt wrote. They belong to no sampled token."""
    place: slice
    """Where the rest of it lies in the completion, in bytes."""
    at_end: bool
    """Whether the completion ends with the program, so that a length limit may have cut it off."""

    def offsets(self, pieces: Iterable[bytes]) -> NDArray[np.int32]:
        """Give the byte range in `text` of each sampled token, int32 [T, 2]. Tokens outside the program have none.

        Args:
            pieces: The bytes of each sampled token; together they are the completion.
        """
        return token_offsets(pieces, self.place) + np.int32(self.begun)

    def finish_reason(self, finish_reason: FinishReason | str) -> FinishReason:
        """Say why the program ended, for a completion that ended so: only what lies at its end can be cut off."""
        return FinishReason(finish_reason) if self.at_end else FinishReason.STOP


@dataclass(frozen=True, slots=True)
class CompletionFormat:
    """How programs are written in completions."""

    extract: Extract = "whole"
    """`whole`: all of the completion is program. `fence`: a Markdown block of it is (`extract_program`)."""
    stop: tuple[str, ...] = ()
    """Strings that end a completion. The program is what comes before the first of them."""
    continues_prompt: bool = False
    """Whether the program begins with the problem's prompt, which the completion continues."""
    leading_blank: bool = False
    """Whether the tokenizer puts a blank before a text that stands alone. A completion may begin with it, and it is no
    part of the program."""

    def program(self, completion: bytes, problem: Problem) -> WrittenProgram:
        """Read the program from a completion.

        Args:
            completion: Everything that was sampled.
            problem: The problem that it answers.
        """
        ends = [end for stop in self.stop if (end := completion.find(stop.encode())) >= 0]
        read = completion[: min(ends)] if ends else completion
        place = extract_program(read, self.extract, problem.entry_point)
        if self.leading_blank and not self.continues_prompt and place.start == 0 and read.startswith(b" "):
            place = slice(1, place.stop)
        opening = problem.prompt.encode(errors="replace") if self.continues_prompt else b""
        return WrittenProgram(opening + completion[place], len(opening), place, place.stop == len(completion))


COMPLETION_FORMATS = {
    "apps": CompletionFormat(),
    "mbpp": CompletionFormat(stop=("[DONE]",)),
    # Chen et al. 2021 stop where a statement in column 0 follows the function.
    "humaneval": CompletionFormat(
        stop=("\nclass ", "\ndef ", "\n#", "\n@", "\nif ", "\nprint("), continues_prompt=True
    ),
}
"""The published formats, by data set."""
