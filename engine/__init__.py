"""What a program did and what is wrong with it: the judge, the linters, and the records they give.

What this package does not do: know tokens, rewards or torch. See docs/architecture.md.
"""

from engine.comparison import outputs_match, values_match
from engine.problems import ProblemError, parse_problem
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
    "ProblemError",
    "ProgramError",
    "Report",
    "Source",
    "Span",
    "StdinTest",
    "Test",
    "TestResult",
    "Verdict",
    "outputs_match",
    "parse_problem",
    "values_match",
]
