"""Records of the sets that code models are trained on, in their published shapes: read, judged, left out by name."""

from __future__ import annotations

import gzip
import json

import pyarrow
import pyarrow.parquet
import pytest

from engine import Judge, Verdict
from training.data import DataError, LoadReport, load_problems

STDIN = {"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"]}
ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
CALLS = {"fn_name": "add", "inputs": [[1, 2], [3, 4]], "outputs": [[3], [7]]}
ADD_CALL = "def add(a, b):\n    return a + b\n"
CASES = [{"type": "stdin_stdout", "input": "1 2\n", "output": "3\n", "fn_name": None}]
LCB_CASES = [{"input": "1\n2", "output": "3", "testtype": "functional", "metadata": {"func_name": "add"}}]
LISTS = """\
from typing import *
class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next
def list_node(values):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head
def is_same_list(a, b):
    while a and b and a.val == b.val:
        a, b = a.next, b.next
    return not a and not b
"""


def verl(ground_truth, **more):
    return {
        "data_source": "taco",
        "prompt": [{"role": "system", "content": "Think."}, {"role": "user", "content": "Add two numbers."}],
        "ability": "code",
        "reward_model": {"ground_truth": ground_truth, "style": "rule"},
        "extra_info": {"index": 7, "split": "train"},
        **more,
    }


RECORDS = {
    "verl, PRIME and Eurus": (verl(json.dumps(STDIN)), ADD, "verl/taco/7"),
    "verl, calls": (verl(json.dumps(CALLS)), ADD_CALL, "verl/taco/7"),
    "verl, DeepCoder's list": (verl(json.dumps(CASES)), ADD, "verl/taco/7"),
    "verl, LiveCodeBench's list": (verl(json.dumps(LCB_CASES)), ADD_CALL, "verl/taco/7"),
    "verl, encoded twice": (verl(json.dumps(json.dumps(STDIN))), ADD, "verl/taco/7"),
    "verl, code-r1's functional": (
        verl(json.dumps({"functional": "def check(candidate):\n    assert candidate(1, 2) == 3\n\ncheck(add)\n"})),
        ADD_CALL,
        "verl/taco/7",
    ),
    "verl, asserts": (verl(json.dumps({"assert_case": ["assert add(1, 2) == 3"]})), ADD_CALL, "verl/taco/7"),
    "DeepCoder": (
        {"problem": "Add.", "tests": json.dumps(CASES), "solutions": [f"```python\n{ADD}```"]},
        ADD,
        "deepcoder/1",
    ),
    "DeepCoder, taco": ({"problem": "Add.", "tests": json.dumps(STDIN)}, ADD, "deepcoder/1"),
    "DeepCoder, lcbv5": (
        {
            "problem": "Add.",
            "starter_code": "class Solution:\n    def add(self, a: int, b: int) -> int:\n        ",
            "tests": json.dumps([{key: value for key, value in LCB_CASES[0].items() if key != "metadata"}]),
            "metadata": {"func_name": "add"},
        },
        "class Solution:\n    def add(self, a, b):\n        return a + b\n",
        "deepcoder/1",
    ),
    "PrimeIntellect": (
        {
            "problem": "Add.",
            "verification_info": json.dumps({"language": "python", "test_cases": CASES}),
            "gold_standard_solution": f"```python\n{ADD}```",
        },
        ADD,
        "deepcoder/1",
    ),
    "TACO": (
        {
            "question": "Add.",
            "solutions": json.dumps([ADD]),
            "starter_code": "",
            "input_output": json.dumps(STDIN),
            "difficulty": "EASY",
            "raw_tags": "[]",
            "name": None,
            "source": "codechef",
            "skill_types": "[]",
            "url": "u",
            "time_limit": "1.0 seconds",
            "memory_limit": "256.0 megabytes",
            "picture_num": None,
        },
        ADD,
        "taco/1",
    ),
    "CodeContests": (
        {
            "name": "1_A. Add",
            "description": "Add.",
            "public_tests": {"input": ["1 2\n"], "output": ["3\n"]},
            "private_tests": {"input": ["3 4\n"], "output": ["7\n"]},
            "generated_tests": {"input": ["5 6\n", "7 8\n"], "output": ["11\n", "15\n"]},
            "source": 2,
            "difficulty": 7,
            "solutions": {"language": [2, 3, 1], "solution": ["int main(){}", ADD, "print 1"]},
            "incorrect_solutions": {"language": [3], "solution": ["print(1)"]},
            "time_limit": {"seconds": 1, "nanos": 0},
            "memory_limit_bytes": 256000000,
            "input_file": "",
            "output_file": "",
        },
        ADD,
        "codecontests/1_A. Add",
    ),
    "LeetCodeDataset": (
        {
            "task_id": "two-sum",
            "question_id": 1,
            "difficulty": "Easy",
            "problem_description": "Find two indices.",
            "starter_code": "class Solution:\n    def twoSum(self, nums: List[int], target: int) -> List[int]:\n        ",
            "prompt": "from typing import *\n",
            "completion": "class Solution:\n    def twoSum(self, nums: List[int], target: int) -> List[int]:\n        return [0, 1]\n",
            "entry_point": "Solution().twoSum",
            "test": "def check(candidate):\n    assert candidate(nums = [3,3],target = 6) == [0, 1]\n",
            "input_output": [{"input": "nums = [3,3], target = 6", "output": "[0, 1]"}],
            "query": "You are ...",
            "response": "...",
        },
        "class Solution:\n    def twoSum(self, nums: List[int], target):\n        return list(range(2))\n",
        "leetcode/two-sum",
    ),
    "LeetCodeDataset, lists": (
        {
            "task_id": "reverse",
            "problem_description": "Reverse it.",
            "prompt": LISTS,
            "entry_point": "Solution().reverse",
            "test": "def check(candidate):\n    assert is_same_list(candidate(head = list_node([1,2])), list_node([2,1]))\n",
        },
        "class Solution:\n    def reverse(self, head: Optional[ListNode]):\n        last = None\n        while head:\n"
        "            head.next, last, head = last, head, head.next\n        return last\n",
        "leetcode/reverse",
    ),
    "KodCode": (
        {
            "version": "v1.0",
            "style": "instruct",
            "subset": "Prefill",
            "question_id": "Prefill_1_I",
            "question": "Write `add`.",
            "solution": ADD_CALL,
            "test": "from solution import add\n\ndef test_small():\n    assert add(1, 2) == 3\n\n"
            "def test_zero():\n    assert add(0, 0) == 0\n",
            "test_info": [
                {"function_name": "add", "function_declaration": "def add(a, b):", "parameter_list": "(a, b)"}
            ],
        },
        ADD_CALL,
        "kodcode/Prefill_1_I",
    ),
}
KODCODE = RECORDS["KodCode"][0]
_BODY = "def test_small():\n    assert add(1, 2) == 3\n"
RECORDS |= {
    "KodCode, under another name": (
        {**KODCODE, "test": f"from solution import add as plus\n\n{_BODY.replace('add(', 'plus(')}"},
        ADD_CALL,
        "kodcode/Prefill_1_I",
    ),
    "KodCode, all names": (
        {**KODCODE, "test": f"from solution import *\n\n{_BODY}"},
        ADD_CALL,
        "kodcode/Prefill_1_I",
    ),
}


@pytest.fixture(scope="module")
def judge():
    with Judge(workers=1) as judge:
        yield judge


@pytest.mark.parametrize("name", RECORDS)
def test_a_right_program_passes_and_a_wrong_one_does_not(judge, name):
    record, program, identity = RECORDS[name]
    (problem,) = load_problems([record])
    assert problem.id == identity
    assert problem.prompt
    assert "Think." not in problem.prompt
    assert judge.submit(program.encode(), problem).result().verdict is Verdict.PASSED
    wrong = program.replace("a + b", "a - b").replace("range(2)", "range(3)").replace("return last", "return head")
    assert judge.submit(wrong.encode(), problem).result().verdict is not Verdict.PASSED
    for reference in problem.references:
        assert judge.submit(reference.encode(), problem).result().verdict is Verdict.PASSED


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet"])
@pytest.mark.parametrize("name", ["verl, PRIME and Eurus", "TACO", "CodeContests", "KodCode"])
def test_files_of_every_kind_give_the_same_problem(tmp_path, name, suffix):
    record = RECORDS[name][0]
    file = tmp_path / f"train{suffix}"
    text = json.dumps([record] if ".json" in suffix and "l" not in suffix else record).encode()
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([record]), file)
    else:
        file.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    (given,), (read,) = load_problems([record]), load_problems(str(file))
    assert (read.tests, read.prompt, read.references) == (given.tests, given.prompt, given.references)
    collection = read.id.partition("/")[0]
    assert load_problems(f"{collection}:{file}") == [read]


def test_json_lines_under_the_name_of_an_array_are_read(tmp_path):
    file = tmp_path / "train.json"
    lines = [{**RECORDS["TACO"][0], "question": text} for text in ("One.", "Two.")]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert [problem.prompt for problem in load_problems(str(file))] == ["One.", "Two."]


def test_public_tests_are_those_that_the_set_says(judge):
    (problem,) = load_problems([RECORDS["CodeContests"][0]])
    assert len(problem.tests) == 4
    assert problem.public_indices == (0,)
    assert problem.references == (ADD,)  # those in Python 3
    for name in ("KodCode", "LeetCodeDataset", "verl, asserts"):
        (problem,) = load_problems([RECORDS[name][0]])
        assert problem.public_tests == ()


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (verl("42", ability="math"), "problems that are not code (ability math)"),
        (verl(json.dumps({"inputs": [], "outputs": []})), "problems without tests"),
        (verl(""), "problems without tests"),
        ({"problem": "Add.", "tests": "[]"}, "problems without tests"),
        ({**RECORDS["CodeContests"][0], "input_file": "in.txt"}, "problems that read or write files"),
        ({**RECORDS["CodeContests"][0], "checker": "int main(){}"}, "whose checker is no `def check"),
        (
            {"problem": "Add.", "verification_info": json.dumps({"language": "cpp", "test_cases": CASES})},
            "problems in another language (cpp)",
        ),
        (
            {
                **RECORDS["KodCode"][0],
                "test": "import pytest\nfrom solution import add\ndef test_a():\n"
                "    with pytest.raises(TypeError):\n        add()\n",
            },
            "problems whose tests need pytest",
        ),
        *(
            ({**RECORDS["KodCode"][0], "test": f"from solution import add\n{test}"}, "problems whose tests need pytest")
            for test in (
                "class TestAdd:\n    def test_a(self):\n        assert add(1, 2) == 3\n",
                "def test_a(capsys):\n    assert add(1, 2) == 3\n",
                "async def test_a():\n    assert add(1, 2) == 3\n",
            )
        ),
        *(
            ({**RECORDS["KodCode"][0], "test": test}, "problems whose tests use the program as a module")
            for test in (
                "import solution\ndef test_a():\n    assert solution.add(1, 2) == 3\n",
                "def test_a():\n    from solution import add\n    assert add(1, 2) == 3\n",
            )
        ),
    ],
)
def test_what_cannot_be_used_is_left_out_and_counted(record, why):
    report = LoadReport()
    with pytest.raises(DataError, match="no problems in it"):
        load_problems([record], report=report)
    assert any(why in line for line in report.lines())


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (verl("42"), "checks nothing"),
        (verl(json.dumps({"answer": 3})), "it has answer"),
        (verl(json.dumps([{"input": "1"}])), "`input` and `output`"),
        (verl(json.dumps(STDIN), prompt=[{"role": "system", "content": "Think."}]), "no text for the model"),
        (verl(json.dumps([*CASES, *LCB_CASES])), "mixes calls and standard input"),
        (verl(json.dumps([{"type": "function_call", "input": [1], "output": 1}])), "does not name"),
        (
            {
                "problem": "Add and subtract.",
                "tests": [
                    {"type": "function_call", "fn_name": name, "input": [1, 2], "output": 3} for name in ("add", "sub")
                ],
            },
            "call several functions: add, sub",
        ),
        (verl(json.dumps(STDIN), prompt=[{"role": "user", "content": None}]), "no text for the model"),
        (verl(json.dumps(STDIN), prompt=[{"role": "user", "content": 7}]), "field `prompt`: must be a text, or a list"),
        (
            verl(json.dumps(STDIN), prompt=[{"role": "user", "content": [{"type": "image", "image": "x.png"}]}]),
            "field `prompt`: has a part that is no text (image)",
        ),
        (
            {
                **RECORDS["CodeContests"][0],
                "public_tests": {"input": ["1 2\n", "3 4\n"], "output": ["3\n"]},
                "private_tests": {"input": ["5 6\n"], "output": ["7\n", "11\n"]},
            },
            "field `public_tests`: has 1 outputs for 2 inputs",
        ),
        ({**verl("x"), "reward_model": {"style": "rule"}}, "reward_model.ground_truth"),
        ({**RECORDS["LeetCodeDataset"][0], "test": "def check(candidate):\n    candidate(1)\n"}, "checks nothing"),
    ],
)
def test_what_is_malformed_is_named(record, why):
    with pytest.raises(DataError, match="record 1") as refused:
        load_problems([record], for_model=True)
    assert why in str(refused.value)


def test_a_message_of_several_parts_is_read_as_its_texts():
    parts = [{"type": "text", "text": "Add two"}, {"type": "text", "text": "numbers."}]
    (problem,) = load_problems([verl(json.dumps(STDIN), prompt=[{"role": "user", "content": parts}])])
    assert problem.prompt == "Add two\nnumbers."


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (
            verl(json.dumps({"functional": "def check(c):\n    assert c(1) == 3\n\ncheck(Solution().add)\n"})),
            "Solution",
        ),
        (verl(json.dumps(["from math import isclose\nassert isclose(add(1, 2), 3)"])), "add"),
        ({**RECORDS["KodCode"][0], "test_info": None, "test": f"from solution import *\n\n{_BODY}"}, "add"),
        ({**RECORDS["KodCode"][0], "test_info": None, "test": f"from solution import add as f\n\n{_BODY}"}, "add"),
    ],
)
def test_the_entry_point_is_what_the_program_must_define(record, name):
    (problem,) = load_problems([record])
    assert problem.entry_point == name


BOTH = "def check(input, expected, actual):\n    return sorted(actual.split()) == sorted(expected.split())\n"


def test_a_checker_comes_with_its_problem_in_every_collection(judge):
    """CodeContests' records with several right answers, and any other whose record has one."""
    contest = RECORDS["CodeContests"][0]
    several = {**contest, "generated_checker": BOTH, "public_tests": {"input": ["1 2\n"], "output": ["2 1\n"]}}
    several |= {"private_tests": {}, "generated_tests": {}}
    (problem,) = load_problems([several])
    assert judge.submit(b"print(input())", problem).result().verdict is Verdict.PASSED
    assert judge.submit(b"print(1, 1)", problem).result().verdict is Verdict.FAILED
    for name in ("verl, PRIME and Eurus", "DeepCoder", "TACO", "CodeContests", "LeetCodeDataset", "KodCode"):
        (problem,) = load_problems([{**RECORDS[name][0], "checker": "unordered_values"}])
        assert problem.checker == "unordered_values"
