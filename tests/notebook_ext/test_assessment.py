import queue

import numpy as np
import pytest

from engine import ProblemError
from feedback import RewardSettings, assess
from notebook_ext.assessment import Counterfactuals, _engine, as_problem, assess_program
from training.page import shown_record

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

    def slow(problem_id, program, seq):
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


def test_an_unedited_program_keeps_its_tokens_and_rewards_without_any_tokenizer():
    problem = as_problem(PROBLEM)
    program = b"def solve(n):\n    return m * 2\n"
    pieces = [b"def", b" sol", b"ve(n", b"):\n   ", b" ret", b"urn m", b" * 2", b"\n", b""]
    ends = np.cumsum([len(piece) for piece in pieces])
    offsets = np.array([*zip(ends - [len(piece) for piece in pieces], ends, strict=True)], np.int32)
    settings = RewardSettings(fine_penalty=-0.7)
    feedback = assess(_engine().submit(program, problem).result(), offsets, finish_reason="length", settings=settings)
    sampled = {**shown_record(feedback, problem, "x"), "finish_reason": "length"}
    again = assess_program(program.decode(), problem, settings=settings, sampled=sampled)
    assert again["tokens"] == sampled["tokens"]
    assert again["laid_on"] == "tokens"
    edited = assess_program(program.decode().replace("m", "n"), problem, settings=settings, sampled=sampled)
    assert (edited["laid_on"], edited["verdict"]) == ("mixed", "passed")
    assert [token["text"] for token in edited["tokens"]][:4] == ["def", " sol", "ve(n", "):\n   "]
    assert edited["tokens"][-1]["start_byte"] == edited["tokens"][-1]["end_byte"] == len(program)
