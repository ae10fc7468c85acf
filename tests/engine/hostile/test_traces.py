"""No trace from one program to the next: a writer and a reader for every channel, at levels 3 and 2, in the jail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.hostile, pytest.mark.slow]

TRACES = Path(__file__).resolve().parent / "traces.py"


@pytest.mark.parametrize("users", [True, False], ids=["level 3", "level 2"])
def test_a_reader_sees_the_same_whatever_the_program_before_it_left(jail: Any, users: bool) -> None:
    finished = jail(TRACES, users=users)
    assert finished.returncode == 0, finished.stderr[-3000:]
    answers = {answer["id"]: answer for answer in map(json.loads, finished.stdout.splitlines())}
    assert len(answers) > 10
    assert {answer["isolation"][0] for answer in answers.values()} == {"3" if users else "2"}
    assert {name: answer["infra"] for name, answer in answers.items() if answer["infra"]} == {}
    assert {name: answer["error"] for name, answer in answers.items() if not answer["seen"]} == {}
    seen = {name: json.loads(answer["seen"]) for name, answer in answers.items()}
    clean = seen["nothing"]
    assert clean["memory"] == 0
    differing = {
        name: {key: (clean.get(key), facts.get(key)) for key in {**clean, **facts} if clean.get(key) != facts.get(key)}
        for name, facts in seen.items()
    }
    assert differing == {name: {} for name in seen}
