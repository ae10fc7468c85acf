"""What a program did and what is wrong with it: the judge, the linters, and the records they give.

What this package does not do: know tokens, rewards or torch. See docs/architecture.md.
"""

from engine.analysis import Analyser, AnalysisLimits
from engine.comparison import outputs_match, values_match
from engine.engine import Engine
from engine.fields import PROMPT_FIELDS, REFERENCE_FIELDS, ProblemError
from engine.grammar import are_python
from engine.judge import Judge
from engine.limits import Limits
from engine.outputs import Output
from engine.problems import parse_problem
from engine.protocols import ProgramEngine, ProgramJudge
from engine.records import (
    AssertTest,
    CallTest,
    ComparisonRule,
    Diagnostic,
    ErrorKind,
    Execution,
    Frame,
    Layout,
    Problem,
    ProgramError,
    Report,
    Similarity,
    Source,
    Span,
    StdinTest,
    Test,
    TestResult,
    Verdict,
)
from engine.sandbox.isolation import Isolation, SandboxError

__all__ = [
    "PROMPT_FIELDS",
    "REFERENCE_FIELDS",
    "Analyser",
    "AnalysisLimits",
    "AssertTest",
    "CallTest",
    "ComparisonRule",
    "Diagnostic",
    "Engine",
    "ErrorKind",
    "Execution",
    "Frame",
    "Isolation",
    "Judge",
    "Layout",
    "Limits",
    "Output",
    "Problem",
    "ProblemError",
    "ProgramEngine",
    "ProgramError",
    "ProgramJudge",
    "Report",
    "SandboxError",
    "Similarity",
    "Source",
    "Span",
    "StdinTest",
    "Test",
    "TestResult",
    "Verdict",
    "are_python",
    "outputs_match",
    "parse_problem",
    "values_match",
]
