"""Reports made by hand, for tests that need no sandbox."""

from __future__ import annotations

import builtins

from engine import Diagnostic, ErrorKind, Execution, Frame, ProgramError, Report, Source, Span, TestResult, Verdict
from engine.logical import layout
from engine.text import ProgramText


def span_of(program: bytes, part: bytes, after: bytes = b"") -> Span:
    start = program.index(part, program.index(after))
    return ProgramText(program).span(start, start + len(part))


def execution(verdict: str, tests: str = "", error: ProgramError | None = None, program: bytes = b"") -> Execution:
    """`tests`: one letter each: p(assed), f(ailed), e(rror)."""
    verdicts = {"p": Verdict.PASSED, "f": Verdict.FAILED, "e": Verdict.ERROR}
    results = tuple(TestResult(verdicts[letter], 0.0, error if letter == "e" else None) for letter in tests)
    return Execution(Verdict(verdict), results, error, 0.0, "0: none", layout=layout(program))


def passed(program: bytes, *diagnostics: Diagnostic, tests: str = "pp") -> Report:
    return Report(program, execution("passed", tests), diagnostics)


def failed(program: bytes, *diagnostics: Diagnostic, tests: str = "pf") -> Report:
    return Report(program, execution("failed", tests, program=program), diagnostics)


def crashed(
    program: bytes, type: str, span: Span | None, *diagnostics: Diagnostic, tests: str = "pe", kind: str = "runtime"
) -> Report:
    frames = (Frame("f", span),) if span else ()
    builtin = (type if hasattr(builtins, type) else "Exception") if kind == "runtime" else ""
    error = ProgramError(ErrorKind(kind), type, "message", frames, builtin)
    source = Source.SYNTAX if kind == "syntax" else Source.RUNTIME
    code = type if kind in ("syntax", "runtime") else kind
    own = Diagnostic(source, code, "message", span, builtin)
    return Report(program, execution("error", tests, error, program), (own, *diagnostics))
