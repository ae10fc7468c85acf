"""Find where a program that never comes to an end is stuck: the line that calls itself, or a line of the loop.

It proves nothing. About half of its lines are the bug.
"""

from __future__ import annotations

from collections import Counter

from engine import Diagnostic, ErrorKind, Execution, ProgramError, Source
from engine.text import ProgramText

_STRENGTH = 0.5


def stuck(program: bytes, execution: Execution) -> tuple[Diagnostic, float] | None:
    """Find the line where endless recursion or an endless loop shows, with how much that says (0..1).

    For a recursion it is the line most often on the stack. For a time-out it is the line that does most, of the last
    `while` loop that every test ran, or of any loop where none is a `while`. None for other programs, and for time-outs
    without executed lines.
    """
    error = execution.error
    if error is not None and error.builtin == "RecursionError":
        line, message = _calls_itself(error), "the program calls itself here for ever"
    elif error is not None and error.kind is ErrorKind.TIMEOUT:
        line, message = _endless_loop(program, execution), "in what never ends"
    else:
        return None
    if line is None:
        return None
    return Diagnostic(Source.COVERAGE, "suspicious", message, ProgramText(program).line_span(line)), _STRENGTH


def _calls_itself(error: ProgramError) -> int | None:
    lines = Counter(frame.span.line for frame in error.frames)
    line, times = lines.most_common(1)[0] if lines else (0, 0)
    return line if times > 1 else None


def _endless_loop(program: bytes, execution: Execution) -> int | None:
    runs = [test.executed_lines for test in execution.tests if test.executed_lines]
    if not runs:
        return None
    text, layout = ProgramText(program), execution.layout
    ran = {line for line in frozenset.intersection(*runs) if line in layout.statements}
    heads = [line for line in sorted(ran) if text.line(line).startswith(("while", "for ", "async for "))]
    heads = [line for line in heads if text.line(line).startswith("while")] or heads
    place = ran.intersection(_block(text, heads[-1])) if heads else ran  # without a loop it is a recursion
    return max(place, key=lambda line: (layout.weights.get(line, 0.0), line), default=None)


def _block(text: ProgramText, head: int) -> range:
    """List the lines of a compound statement, from its header on."""
    end = head + 1
    while end <= text.line_count and (not text.line(end) or text.indentation(end) > text.indentation(head)):
        end += 1
    return range(head, end)
