"""Turn programs into findings. Worker processes read the programs. This process never parses one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from engine.analysis.facts import facts_of
from engine.analysis.messages import Answer, Limits, Request, Start
from engine.companions import Companions
from engine.extras import needs
from engine.records import Diagnostic, Problem, Similarity, Source


class Analyser:
    """Reads programs with pylint and libcst in worker processes. Use it as a context manager, or `close` it."""

    def __init__(self, workers: int = 1, limits: Limits | None = None, finders: Sequence[str] = ()) -> None:
        """Start nothing yet: a worker starts with the first program that it reads, and one that passes needs none.

        Args:
            workers: Most worker processes. Each takes about one core.
            limits: Time and memory for one program.
            finders: Functions of somebody else's by import path (`package.module:name`). The workers call them as they
                call ours: `find(source, text, facts) -> Sequence[Diagnostic]`.

        Raises:
            ValueError: a finder cannot be found.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, is {workers}")
        start = Start(limits or Limits(), tuple((_folder_of(name), name) for name in finders))
        self._workers = Companions("engine.analysis.worker", start, Answer, workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="analyser")

    def submit(self, program: bytes, problem: Problem) -> Future[tuple[Diagnostic, ...]]:
        """Read one program as an answer to `problem`.

        A program that kills or outlasts one tool has the findings of the others. One that no tool can read (too long,
        not UTF-8) has none. One that does not parse has those of its parsable part.
        """
        return self._threads.submit(self._analyse, Request(program, facts_of(problem)))

    def compare(self, program: bytes, references: tuple[str, ...]) -> Future[Similarity]:
        """Measure how alike a program and the reference most like it are (CodeBLEU's syntax and data-flow match).

        It is 0 without a reference, and for a program that kills or outlasts the tool.

        Raises:
            ImportError: tree-sitter is not installed.
        """
        if find_spec("tree_sitter_python") is None:
            raise ImportError(f"the similarity of programs {needs('tree-sitter-python', 'similarity')}")
        request = Request(program, references=tuple(reference.encode() for reference in references))
        return self._threads.submit(self._compare, request)

    def close(self) -> None:
        """End the workers, once what was submitted is finished."""
        self._threads.shutdown()
        self._workers.close()

    def __enter__(self) -> Analyser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _analyse(self, request: Request) -> tuple[Diagnostic, ...]:
        """Give all findings, with those of pylint in the order of the text, as if one tool had made them."""
        found = self._ask(request).diagnostics
        pylint = [item for item in found if item.source is Source.PYLINT]
        pylint.sort(key=lambda item: (item.span.start_byte if item.span else 0, item.code))
        return (*pylint, *(item for item in found if item.source is not Source.PYLINT))

    def _compare(self, request: Request) -> Similarity:
        return (self._ask(request).similarity if request.references else None) or Similarity()

    def _ask(self, request: Request) -> Answer:
        return self._workers.ask(request) or Answer()


def _folder_of(name: str) -> str:
    """Find the folder that holds the top-level package or module of `package.module:name`."""
    module, _, attribute = name.partition(":")
    try:
        spec = find_spec(module) if attribute else None
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        raise ValueError(f"analyser {name!r}: no such module; it must read package.module:name")
    levels = module.count(".") + (Path(spec.origin).name == "__init__.py")
    return str(Path(spec.origin).resolve().parents[levels])
