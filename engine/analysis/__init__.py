"""Analyse programs statically with pylint and this project's checks on libcst, in workers that may die.

Neither pylint nor libcst is loaded in the process that uses this package.
"""

from engine.analysis.analyser import Analyser
from engine.analysis.messages import Limits as AnalysisLimits

__all__ = ["Analyser", "AnalysisLimits"]
