"""What a program did and what is wrong with it: the judge, the linters, and the records they give.

What this package does not do: know tokens, rewards or torch. See docs/architecture.md.
"""

from engine.records import (
    AssertTest,
    CallTest,
    ComparisonRule,
    Diagnostic,
    ErrorKind,
    Execution,
    Frame,
    Problem,
    ProgramError,
    Report,
    Source,
    Span,
    StdinTest,
    Test,
    TestResult,
    Verdict,
)

__all__ = [
    "AssertTest",
    "CallTest",
    "ComparisonRule",
    "Diagnostic",
    "ErrorKind",
    "Execution",
    "Frame",
    "Problem",
    "ProgramError",
    "Report",
    "Source",
    "Span",
    "StdinTest",
    "Test",
    "TestResult",
    "Verdict",
]
