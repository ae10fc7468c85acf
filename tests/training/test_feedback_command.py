"""`rltf feedback`, as a user runs it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from training.cli import main

PROBLEM = {"fn_name": "f", "inputs": [[1], [2], [-1]], "outputs": [2, 3, 0]}
WRONG = "def f(x):\n    if x > 1:\n        return xs\n    return x + 1\n"


def write(path: Path, content: object) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def batch(folder: Path, lines: list[object], *more: str) -> tuple[int, dict[object, dict]]:
    source = folder / "in.jsonl"
    source.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    status = main(["feedback", "--batch", str(source), "--out", str(folder / "out.jsonl"), "--workers", "1", *more])
    out = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert len(out) == len(lines)
    return status, {line["id"]: line for line in out}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        [WRONG], trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    folder = tmp_path_factory.mktemp("tokenizer")
    made.save(str(folder / "tokenizer.json"))
    return str(folder)


def test_one_program_as_json(tmp_path, capsys) -> None:
    program, problem = write(tmp_path / "p.py", WRONG), write(tmp_path / "q.json", PROBLEM)
    assert main(["feedback", program, "--problem", problem, "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["id"] == "p.py"
    assert line["verdict"] == "error"
    assert {key: line["error"][key] for key in ("kind", "type", "line", "column", "end_line", "end_column")} == {
        "kind": "runtime",
        "type": "NameError",
        "line": 3,
        "column": 15,
        "end_line": 3,
        "end_column": 17,
    }
    assert line["pass_ratio"] == pytest.approx(2 / 3)
    assert [test["verdict"] for test in line["tests"]] == ["passed", "error", "passed"]
    pylint = next(entry for entry in line["diagnostics"] if entry["source"] == "pylint")
    assert (pylint["code"], pylint["category"], pylint["start_byte"], pylint["end_byte"]) == ("E0602", "U_line", 39, 41)
    assert "tokens" not in line


def test_what_a_failed_test_asked_is_shown_and_where_a_reference_goes_another_way(tmp_path, capsys) -> None:
    program = "def f(x):\n    y = x\n    z = y + 2\n    return z\n"
    reference = {**PROBLEM, "solutions": [program.replace("+ 2", "+ 1")]}
    paths = write(tmp_path / "p.py", program), write(tmp_path / "q.json", reference)
    assert main(["feedback", paths[0], "--problem", paths[1], "--reference"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "test 1 failed 1 expected 2 got 3" in shown
    assert "L 3:4 reference diverged z becomes 3; 2 in a reference solution" in shown
    write(tmp_path / "q.json", PROBLEM)
    assert main(["feedback", paths[0], "--problem", paths[1], "--reference"]) == 2
    assert "--reference: " in capsys.readouterr().err


def test_one_program_on_a_terminal_and_as_a_page(tmp_path, capsys) -> None:
    hostile = 'def f(x):\n    return "\x1b[31m<script>[bold]", xs\n'
    program, problem = write(tmp_path / "p.py", hostile), write(tmp_path / "q.json", PROBLEM)
    assert main(["feedback", program, "--problem", problem, "--html", str(tmp_path / "page.html")]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown
    for part in ("NameError", "E0602", "coarse", "fine", "2 L"):
        assert part in shown
    assert "<script>[bold]" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_batch_loses_nothing_and_names_what_is_malformed(tmp_path, capsys) -> None:
    lines: list[object] = [
        {"id": "right", "program": "def f(x): return x + 1", "problem": PROBLEM},
        {"id": "wrong", "program": WRONG, "problem": PROBLEM},
        {"id": 3, "program": WRONG, "problem": PROBLEM},
        {"id": "bytes", "program_b64": base64.b64encode(b"def f(x): return '\xff'").decode(), "problem": PROBLEM},
        {"id": "surrogate", "program": "x = '\ud800'", "problem": PROBLEM},
        {"id": "empty", "program": "", "problem": PROBLEM},
        {"id": "cut", "program": "def f(x):\n    return (x", "problem": PROBLEM, "finish_reason": "length"},
        {"id": "mbpp", "program": "def g(a): return a", "problem": {"test_list": ["assert g(1) == 1"]}},
        {
            "id": "humaneval",
            "program": "def h(a) -> List:\n    return []",
            "problem": {
                "prompt": "from typing import List\ndef h(a):\n    '''Two.'''\n",
                "entry_point": "h",
                "test": "def check(candidate):\n    assert candidate(1) == 2\n",
            },
        },
        {"id": "no tests", "program": "x", "problem": {"inputs": [], "outputs": []}},
        {"id": "both", "program": "x", "program_b64": "eA==", "problem": PROBLEM},
        {"id": "b64", "program_b64": "*", "problem": PROBLEM},
        {"id": "number", "program": 3, "problem": PROBLEM},
        {"id": "reason", "program": "x", "problem": PROBLEM, "finish_reason": "eos"},
    ]
    status, out = batch(tmp_path, lines)
    assert status == 1
    verdicts = {key: line.get("verdict", "malformed") for key, line in out.items()}
    assert verdicts == {
        "right": "passed",
        "wrong": "error",
        3: "error",
        "bytes": "error",
        "surrogate": "error",
        "empty": "error",
        "cut": "error",
        "mbpp": "passed",
        "humaneval": "failed",
        **dict.fromkeys(["no tests", "both", "b64", "number", "reason"], "malformed"),
    }
    assert out["cut"]["diagnostics"][0]["category"] == "U_global"
    assert out["empty"]["diagnostics"][0]["category"] == "U_global"
    errors = capsys.readouterr().err
    for name in ("no tests", "both", "b64", "number", "reason"):
        assert set(out[name]) == {"id", "problem_error"}
        assert f'"{name}"' in errors


def test_lines_that_are_no_objects_are_named_by_number(tmp_path, capsys) -> None:
    status, out = batch(tmp_path, ["{nonsense"])
    assert status == 1
    assert out[None]["problem_error"].startswith("line 1: not JSON")


@pytest.mark.parametrize(
    "line", ['{"id": "cut", "program": "x', '{"id": "cut", "program": "x", "n": ' + "1" * 5000 + "}"]
)
def test_a_line_that_is_no_json_keeps_its_id_where_it_is_seen(tmp_path, line) -> None:
    status, out = batch(tmp_path, [line])
    assert status == 1
    assert out["cut"]["problem_error"].startswith("line 1: not JSON")


def test_the_batch_is_never_written_over(tmp_path, capsys) -> None:
    source = write(tmp_path / "x.jsonl", {"id": 1})
    (tmp_path / "link").symlink_to(source)
    assert main(["feedback", "--batch", source, "--out", str(tmp_path / "link")]) == 2
    assert "is the file that --batch reads" in capsys.readouterr().err
    assert json.loads((tmp_path / "x.jsonl").read_text()) == {"id": 1}


def test_batch_with_a_tokenizer_has_tokens_that_add_up(tmp_path, tokenizer) -> None:
    status, out = batch(tmp_path, [{"id": 1, "program": WRONG, "problem": PROBLEM}], "--tokenizer", tokenizer)
    assert status == 0
    tokens = out[1]["tokens"]
    assert "".join(token["text"] for token in tokens) == WRONG
    for token in tokens:
        assert token["reward"] == pytest.approx(sum(token["components"].values()), abs=1e-6)
        blamed = token["start_byte"] < 41 and token["end_byte"] > 39  # the name `xs`
        assert (token["components"]["fine"] < 0) == blamed


def test_a_tokenizers_prefix_space_truncation_and_padding_are_not_the_programs(tmp_path, tokenizer) -> None:
    made = Tokenizer.from_file(f"{tokenizer}/tokenizer.json")
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.enable_truncation(5)
    made.enable_padding(length=50)
    made.save(str(tmp_path / "tokenizer.json"))
    status, out = batch(tmp_path, [{"id": 1, "program": WRONG, "problem": PROBLEM}], "--tokenizer", str(tmp_path))
    assert status == 0
    assert "".join(token["text"] for token in out[1]["tokens"]) == WRONG


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give PROGRAM.py and --problem"),
        (["--batch", "x.jsonl"], "--batch needs --out"),
        (["--batch", "x.jsonl", "--out", "y", "--workers", "0"], "--workers: 0: must be a whole number of at least 1"),
        (["--batch", "missing.jsonl", "--out", "y.jsonl"], "missing.jsonl: cannot be read: No such file"),
        (["--batch", ".", "--out", "y.jsonl", "--json"], "--batch takes no --json: its lines"),
        (["missing.py", "--problem", "missing.json"], "missing.py: cannot be read: No such file"),
    ],
)
def test_usage_errors_are_one_clear_line(arguments, message, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["feedback", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_bad_problem_or_tokenizer_is_named(tmp_path, capsys) -> None:
    program, problem = write(tmp_path / "p.py", "x"), write(tmp_path / "q.json", {"inputs": 3})
    assert main(["feedback", program, "--problem", problem]) == 2
    assert "problem field `" in capsys.readouterr().err
    write(tmp_path / "q.json", PROBLEM)
    write(tmp_path / "tokenizer.json", "{}")
    assert main(["feedback", program, "--problem", problem, "--tokenizer", str(tmp_path)]) == 2
    assert "--tokenizer" in capsys.readouterr().err


def test_torch_is_never_loaded(tmp_path, tokenizer) -> None:
    program, problem = write(tmp_path / "p.py", WRONG), write(tmp_path / "q.json", PROBLEM)
    code = (
        "import sys; from training.cli import main\n"
        f"main(['feedback', {program!r}, '--problem', {problem!r}, '--tokenizer', {tokenizer!r}, '--json'])\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_references_of_the_public_sets_pass_and_none_is_penalised(tmp_path, shared) -> None:
    rows = [json.loads(line) for line in (shared / "data" / "mbpp.jsonl").read_text().splitlines()[:120]]
    lines = [{"id": row["task_id"], "program": row["code"], "problem": row} for row in rows]
    status, out = batch(tmp_path, lines)
    assert status == 0
    assert {line["verdict"] for line in out.values()} == {"passed"}
    assert all(line["diagnostics"] == [] for line in out.values())
