"""Formats that suit a model and a data set, what `rltf eval` says of them, and what `rltf data` shows."""

from __future__ import annotations

import json

import pytest
from transformers import AutoTokenizer

from engine import AssertTest, CallTest, Problem
from tests.training.data_files import HUMANEVAL, MBPP, jsonl
from tests.training.families import CHAT_TEMPLATE, build
from training.cli import main
from training.config import TrainConfig
from training.data import load_problems
from training.evaluation.fingerprints import fingerprint_of_model, fingerprint_of_problems
from training.evaluation.suitable import suitable_format
from training.models.formats import ProgramFormat
from training.run import write_settings
from training.sections import ModelSection

CALL = {"question": "Double it.", "fn_name": "twice", "inputs": [[2]], "outputs": [4]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return build("gpt2", tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    folder = build("qwen2", tmp_path_factory.mktemp("chat"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("record", "prompt_format"), [(HUMANEVAL, "humaneval"), (MBPP, "mbpp"), (CALL, "{prompt}\n"), (None, "{prompt}\n")]
)
def test_a_base_model_reads_what_the_data_set_publishes(plain, record, prompt_format):
    problems = load_problems([record] if record else [HUMANEVAL, MBPP])
    assert suitable_format(str(plain), problems).prompt_format == prompt_format
    assert suitable_format(str(plain), problems).extract == "whole"


@pytest.mark.parametrize("record", [HUMANEVAL, MBPP, CALL])
def test_a_chat_model_reads_its_template_and_writes_a_block(chat, record):
    found = suitable_format(str(chat), load_problems([record]))
    assert (found.prompt_format, found.extract) == ("chat", "fence")


def test_a_checkpoint_keeps_the_format_that_it_was_trained_in(tmp_path):
    model = {"model.prompt_format": "Do: {prompt}", "model.extract": "fence", "model.stop": "END"}
    write_settings(tmp_path, TrainConfig.load(overrides=model), "abc")
    found = suitable_format(str(tmp_path / "checkpoints" / "step-3"), load_problems([MBPP]))
    assert (found.prompt_format, found.extract, found.stop) == ("Do: {prompt}", "fence", ("END",))


@pytest.mark.parametrize("prompt_format", ["{prompt}\n", "apps", "chat", "mbpp"])
def test_the_function_that_is_called_is_named_in_every_prompt(prompt_format):
    (problem,) = load_problems([CALL])
    text = ProgramFormat.of(ModelSection(prompt_format=prompt_format)).text(problem)
    assert "The program must define `twice`." in text
    (named,) = load_problems([{**CALL, "question": "Write twice(x)."}])
    assert "must define" not in ProgramFormat.of(ModelSection(prompt_format=prompt_format)).text(named)


@pytest.mark.parametrize("prompt_format", ["apps", "chat", "{prompt}\n"])
def test_a_prompt_shows_the_methods_of_a_class_that_tests_call(prompt_format):
    """LeetCodeDataset calls `Solution().add(a = 1, b = 2)`, and its text names neither the method nor its arguments."""
    starter = "class Solution:\n    def add(self, a: int, b: int) -> int:\n        "
    tests = (AssertTest("assert Solution().add(a = 1, b = 2) == 3"),)
    for prompt in ("Add two numbers.", "Add two numbers. Any Solution will do."):
        problem = Problem("s", tests, prompt=prompt, starter_code=starter, entry_point="Solution")
        text = ProgramFormat.of(ModelSection(prompt_format=prompt_format)).text(problem)
        assert text.count(starter.rstrip()) == 1


def test_an_evaluation_says_which_format_it_took_and_what_its_samples_show(chat, plain, tmp_path, capsys):
    data = str(jsonl(tmp_path / "m.jsonl", MBPP))
    words = ["--data", data, "--samples", "4", "--max-new-tokens", "40"]
    assert main(["eval", str(chat), *words]) == 0
    said = capsys.readouterr().out
    assert "prompt format 'chat', program: its Markdown block (its tokenizer has a chat template)" in said
    assert main(["eval", str(plain), *words]) == 0
    said = capsys.readouterr().out
    assert "prompt format 'mbpp', program: all of the completion" in said
    assert "4 of 4 completions were cut off at --max-new-tokens" in said
    assert "all 4 programs are syntax errors" in said
    assert "0 of them hold a Markdown block, which --extract fence would read" in said


def test_every_file_that_decides_what_a_model_writes_is_in_its_fingerprint(tmp_path):
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    for folder in (base, adapter):
        folder.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    names = ["model.safetensors", "pytorch_model.bin", "tokenizer.json", "config.json", "chat_template.jinja"]
    for name in names:
        (base / name).write_bytes(bytes(5 << 20))
    (adapter / "adapter_model.safetensors").write_bytes(b"a")
    seen = {fingerprint_of_model(base), fingerprint_of_model(adapter)}
    for name in names:
        content = bytearray(5 << 20)
        content[2_500_000] = 1  # in the middle
        (base / name).write_bytes(content)
        seen |= {fingerprint_of_model(base), fingerprint_of_model(adapter)}
    assert len(seen) == 2 + 2 * len(names)
    assert fingerprint_of_model(tmp_path / "hub" / "name") == ""


def test_problems_that_differ_in_what_decides_have_other_fingerprints():
    kinds = [
        {},
        {"starter_code": "def twice(x):"},
        {"time_limit": 2},
        {"comparison": "apps"},
        {"prelude": "import re"},
        {"checker": "float"},
    ]
    found = [fingerprint_of_problems(load_problems([{**CALL, **more}])) for more in kinds]
    assert len(set(found)) == len(found)
    assert fingerprint_of_problems(load_problems([{**CALL, "solution": "def twice(x): return 2 * x"}])) == found[0]


def test_equal_problems_have_one_fingerprint_in_every_process():
    """Sets are shown in another order where they were made in another, or where strings hash otherwise."""
    one, other = ({0, 8}, {8, 0})
    assert repr(one) != repr(other)
    problems = [Problem("p", (CallTest((1,), {"k": [answer]}),)) for answer in (one, other)]
    assert len({fingerprint_of_problems([problem]) for problem in problems}) == 1


def test_data_are_shown_as_a_model_reads_them_with_tests_and_what_is_left_out(chat, tmp_path, capsys):
    data = jsonl(tmp_path / "d.jsonl", {**CALL, "question": "Double it.\x1b[31m"}, MBPP, {"fn_name": "f"})
    assert main(["data", str(data), "--model", str(chat)]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "<|im_start|>user" in said
    assert "The program must define `twice`." in said
    assert "twice(2) -> 4" in said
    assert "assert f(2) == 4" in said
    assert "2 problems: 1 judged by calls, 1 judged by assertions; 1 with references" in said
    assert "malformed records left out: 1" in said
    assert main(["data", str(tmp_path / "none.jsonl")]) == 2
    assert capsys.readouterr().err.startswith("rltf data: ")
    assert main(["data", "minicode:short:train", "--limit", "2", "--problems", "0"]) == 0
