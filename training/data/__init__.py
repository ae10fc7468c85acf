"""Problem sets. A short spec names one, `load_problems` reads it, and `stream_problems` yields its problems one by one.

problems = load_problems("mbpp:mbpp.jsonl:test")          # raises at the first malformed record
report = LoadReport()
problems = load_problems("apps:APPS/train", report=report)  # takes what can be used ...
for line in report.lines():                                 # ... and says what could not
    print(line)
"""

from training.data.reports import NO_TESTS, LoadReport
from training.data.rows import Malformed
from training.data.shapes import APPS_DIFFICULTIES
from training.data.specs import FORMS, ProblemStream, load_problems, stream_problems
from training.errors import DataError

__all__ = [
    "APPS_DIFFICULTIES",
    "FORMS",
    "NO_TESTS",
    "DataError",
    "LoadReport",
    "Malformed",
    "ProblemStream",
    "load_problems",
    "stream_problems",
]
