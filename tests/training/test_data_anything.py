"""Whatever a file holds, every record becomes a problem, is left out or is malformed; none disappears, none is fatal."""

import base64
import json
import pickle
import tempfile
import zlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from training.data import DataError, load_problems, stream_problems

NAMES = [
    "id",
    "task_id",
    "problem_id",
    "prompt",
    "text",
    "question",
    "inputs",
    "outputs",
    "fn_name",
    "input_output",
    "test_list",
    "test_setup_code",
    "test_imports",
    "test",
    "entry_point",
    "canonical_solution",
    "code",
    "solutions",
    "public",
    "prelude",
    "comparison",
    "time_limit",
    "difficulty",
    "starter_code",
    "source",
    "public_test_cases",
    "private_test_cases",
    "metadata",
    "question_id",
    "question_content",
]
SOURCE = st.sampled_from(
    [
        "assert f(1) == 2",
        "def check(c):\n    assert c(1)\n",
        "f",
        "def f(x):",
        "[[1]]",
        '{"inputs": ["a"], "outputs": ["a"]}',
        "",
    ]
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | SOURCE
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "input", "output", "testtype", "a"]), inner, max_size=4)
    ),
    max_leaves=12,
)
RECORDS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=7)
SHAPES = st.sampled_from(["", "mbpp", "apps", "humaneval", "livecodebench"])


LINES = st.lists(st.binary(max_size=30) | RECORDS.map(lambda record: json.dumps(record).encode()), max_size=4)


@settings(max_examples=120)
@given(LINES, st.sampled_from(["", "mbpp:", "apps:", "humaneval:", "livecodebench:"]))
def test_every_line_of_any_file_is_accounted_for(lines, form):
    content = b"\n".join(lines)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "some.jsonl"
        file.write_bytes(content)
        stream = stream_problems(f"{form}{file}")
        problems = list(stream)
        told = len(problems) + stream.report.malformed + stream.report.left_out.total()
        assert told == sum(bool(line.strip()) for line in content.split(b"\n"))
        assert all(problem.tests for problem in problems)
        try:
            assert load_problems(f"{form}{file}") == problems
        except DataError:
            assert stream.report.malformed or not problems


PACKED = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode()),
    st.binary(max_size=60).map(lambda raw: base64.b64encode(zlib.compress(raw)).decode()),
    VALUES.map(lambda value: base64.b64encode(zlib.compress(pickle.dumps(value))).decode()),
    VALUES.map(lambda value: base64.b64encode(zlib.compress(pickle.dumps(json.dumps(value)))).decode()),
)


@settings(max_examples=100)
@given(PACKED)
def test_any_private_tests_are_decoded_or_malformed(private):
    public = json.dumps([{"input": "1", "output": "1", "testtype": "stdin"}])
    record = {"question_id": "q", "public_test_cases": public, "private_test_cases": private}
    stream = stream_problems([record])
    assert len(list(stream)) + stream.report.malformed == 1
