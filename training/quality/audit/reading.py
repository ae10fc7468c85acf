"""Read untrusted text (references to mutate, a model's text) in processes that may die of it.

Nothing of one text is kept for the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from engine.companions import Companions
from training.quality.audit.mutants import Mutant

_LONGEST = 200_000
"""Maximum number of characters of a text that is read at all."""


class ReadingError(RuntimeError):
    """A text could not be read. The message says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on reading one text."""

    seconds: float = 10.0
    """Wall-clock seconds."""
    memory_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Request:
    """One text to read."""

    text: str
    name: str = ""
    """The function whose calls are wanted, or empty to make mutants."""
    seed: int = 0
    most: int = 0
    """Maximum number of mutants or calls."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The mutants or calls that were found. `problem` says why there are none."""

    mutants: tuple[Mutant, ...] = ()
    calls: tuple[str, ...] = ()
    """Arguments of each call, as source of a tuple of literals."""
    problem: str = ""


class Reader:
    """Worker processes that read. Use it as a context manager, or `close` it. Several threads may use it."""

    def __init__(self, workers: int = 1, limits: Limits | None = None) -> None:
        module = "training.quality.audit.reading_process"
        self._processes = Companions(module, limits or Limits(), Answer, workers)

    def mutants(self, source: str, seed: int, most: int) -> tuple[Mutant, ...]:
        """Call `mutants.mutants_of`. Raises ReadingError if the text is too large or not a program."""
        return self._ask(Request(source, seed=seed, most=most)).mutants

    def calls(self, text: str, name: str, most: int) -> tuple[str, ...]:
        """Find the calls of `name` with literal arguments in `text`, each as source of a tuple."""
        return self._ask(Request(text, name=name, most=most)).calls

    def _ask(self, request: Request) -> Answer:
        if len(request.text) > _LONGEST:
            raise ReadingError(f"longer than {_LONGEST} characters")
        if any("\ud800" <= character <= "\udfff" for character in request.text):
            raise ReadingError("not UTF-8")
        answer = self._processes.ask(request)
        if answer is None:
            raise ReadingError("reading it took too much time, memory or stack")
        if answer.problem:
            raise ReadingError(answer.problem)
        return answer

    def close(self) -> None:
        """End the processes."""
        self._processes.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
