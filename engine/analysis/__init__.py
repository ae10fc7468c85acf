"""Static analysis of programs: pylint and this project's checks on libcst, in workers that may die.

What this package does not do: run programs, or load pylint and libcst in the process that uses it.
"""

from engine.analysis.analyser import Analyser
from engine.analysis.messages import Limits as AnalysisLimits

__all__ = ["Analyser", "AnalysisLimits"]
