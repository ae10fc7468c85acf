"""Records and files in published layouts, for the tests of problem sets."""

from __future__ import annotations

import gzip
import json

from training.data import LoadReport, load_problems

MBPP = {"task_id": 7, "text": "Double it.", "code": "def f(x): return 2 * x", "test_list": ["assert f(2) == 4"]}
HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'def f(x):\n    """Double.\n    >>> f(1)\n    2\n    """\n',
    "canonical_solution": "    return 2 * x\n",
    "entry_point": "f",
    "test": "def check(c):\n    assert c(3) == 6\n",
}


def jsonl(path, *records):
    text = "".join(json.dumps(record) + "\n" for record in records)
    path.write_bytes(gzip.compress(text.encode())) if path.suffix == ".gz" else path.write_text(text)
    return path


def loaded(spec):
    report = LoadReport()
    return load_problems(spec, report=report), report
