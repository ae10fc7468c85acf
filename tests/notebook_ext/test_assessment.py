import queue

import pytest

from engine import ProblemError
from notebook_ext.assessment import Counterfactuals, as_problem, assess_program

PROBLEM = {"id": "double", "prompt": "Double it.", "fn_name": "solve", "inputs": [[2], [5]], "outputs": [4, 10]}


def test_a_program_is_judged_and_its_words_are_rewarded():
    wrong = assess_program("def solve(n):\n    return m * 2\n", as_problem(PROBLEM))
    assert wrong["verdict"] == "error"
    assert [test["expected"] for test in wrong["tests"]] == ["4", "10"]
    blamed = "".join(token["text"] for token in wrong["tokens"] if token["components"]["fine"] < 0)
    assert blamed == "m"
    right = assess_program("def solve(n):\n    return n * 2\n", as_problem(PROBLEM))
    assert right["verdict"] == "passed"
    assert min(token["reward"] for token in right["tokens"]) > 0


def test_text_that_is_no_utf8_is_judged_too():
    assert assess_program("x = '\ud800'", as_problem(PROBLEM))["verdict"] in ("error", "failed")


def test_no_problem_is_said_to_be_none(tmp_path):
    (tmp_path / "p.json").write_text('{"inputs": []}')
    with pytest.raises(ProblemError):
        as_problem(tmp_path / "p.json")


def test_questions_that_wait_are_overtaken_by_newer_ones():
    sent, entered, go_on = queue.SimpleQueue(), queue.SimpleQueue(), queue.SimpleQueue()

    def slow(problem_id, program):
        entered.put(program)
        go_on.get()
        return {"program": program} if problem_id == "known" else None

    asked = Counterfactuals(sent.put, slow)
    for edit, program in enumerate(("first", "second", "third")):
        asked.receive({"kind": "edit", "view": "page", "edit": edit, "problem_id": "known", "program": program})
        if edit == 0:
            assert entered.get() == "first"
    go_on.put(None)
    assert sent.get() == {"kind": "edited", "to": "page", "edit": 0, "record": {"program": "first"}}
    asked.receive({"kind": "edit", "view": "page", "edit": 3, "problem_id": "unknown", "program": "fourth"})
    go_on.put(None)
    go_on.put(None)
    answers = [sent.get()]
    while answers[-1]["edit"] != 3:
        answers.append(sent.get())
    assert "second" not in [answer.get("record", {}).get("program") for answer in answers]
    assert "not at hand" in answers[-1]["failure"]
