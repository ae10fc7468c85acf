"""Each test has one attempt that counts: knowing that another test ran before it brings no program a second answer."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from engine import Judge, Verdict, parse_problem

MBPP = (Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mbpp.jsonl").resolve()
ATTACKS = {
    "sys": "import sys\n{head}\n    first = not hasattr(sys, '_s')\n    sys._s = 1\n    return {a} if first else {b}",
    "builtins": "{head}\n    n = print.__self__.__dict__.get('n', 0)\n    print.__self__.n = n + 1\n    return {b} if n == 1 else {a}",
    "modules": "{head}\n    try:\n        import antigravity_of_mine\n        return {b}\n    except ImportError:\n"
    "        import sys\n        sys.modules['antigravity_of_mine'] = sys\n        return {a}",
    "an error of decimal": "from decimal import Decimal\ndef put(self): self.seen = 1\n{head}\n    try: Decimal('x')\n"
    "    except Exception as error: mark = error.args[0][0]\n    first = not hasattr(mark, 'seen')\n    put(mark)\n"
    "    return {a} if first else {b}",
    "what enumerations inherit": "from enum import Enum\nclass C(Enum): A = 1\ndef put(self): self.seen = 1\n{head}\n"
    "    first = not hasattr(C.__str__, 'seen')\n    put(C.__str__)\n    return {a} if first else {b}",
    "a field of dataclasses": "from dataclasses import field\ndef put(self): self.seen = 1\n{head}\n"
    "    first = not hasattr(field().default, 'seen')\n    put(field().default)\n    return {a} if first else {b}",
}


def two_valued() -> list[tuple[dict[str, Any], str, str]]:
    """MBPP's problems whose tests expect two values, and these."""
    found = []
    for line in MBPP.read_text().splitlines() if MBPP.is_file() else ():
        row = json.loads(line)
        values = [_expected(source) for source in row["test_list"]]
        distinct = list(dict.fromkeys(values))
        if None not in values and len(distinct) == 2:
            found.append((row, str(distinct[0]), str(distinct[1])))
    return found


def _expected(source: str) -> str | None:
    try:
        (statement,) = ast.parse(source).body
        assert isinstance(statement, ast.Assert)
        assert isinstance(statement.test, ast.Compare)
        return repr(ast.literal_eval(statement.test.comparators[0]))
    except (AssertionError, SyntaxError, ValueError):
        return None


PROBLEMS = two_valued()


@pytest.mark.skipif(not PROBLEMS, reason="MBPP does not lie beside the checkout")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_constant_with_a_memory_passes_no_two_valued_problem(attack: str) -> None:
    assert len(PROBLEMS) >= 220
    with Judge(workers=2) as judge:
        futures = []
        for row, first, second in PROBLEMS if attack == ATTACKS["sys"] else PROBLEMS[::8]:
            problem = parse_problem(row)
            head = f"def {problem.entry_point}(*a, **k):"
            futures.append(judge.submit(attack.format(head=head, a=first, b=second).encode(), problem))
        verdicts = [future.result().verdict for future in futures]
    assert verdicts.count(Verdict.PASSED) == 0
    assert verdicts.count(Verdict.INFRA) == 0


def test_tests_that_pass_together_pass_once_each() -> None:
    """A test that fails is not run again: the program prints what no second attempt would print."""
    problem = parse_problem({"inputs": ["1\n"] * 4, "outputs": ["1\n", "1\n", "2\n", "2\n"]})
    program = "import os\nprint(1 + os.urandom(1)[0] % 2)"
    passed = []
    with Judge() as judge:
        for number in range(60):
            execution = judge.submit(f"{program}  # {number}".encode(), problem).result()
            passed.append(execution.pass_ratio)
    assert 0.3 < sum(passed) / len(passed) < 0.7  # a second try for what failed would bring 0.75
