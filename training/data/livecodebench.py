"""Read LiveCodeBench records as problems, with public and private tests on standard input or by calls.

Private tests come as JSON text, or as base64 of zlib of a pickle of it. A pickle is a program, so it is never run. Its
instructions are read, and all but those that spell out one text are refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine import Problem, ProblemError, parse_problem
from training.data.reports import NO_TESTS
from training.data.rows import Row
from training.data.shapes import LeftOutError

DIFFICULTIES = ("easy", "medium", "hard")
_LARGEST = 1 << 30
"""Maximum number of bytes of private tests after decompression."""
_HARMLESS = {"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"}


def livecodebench_problem(row: Row, difficulty: str) -> Problem | None:
    """Read a record of LiveCodeBench, or return None where it is of another difficulty.

    Raises:
        LeftOutError: it has no tests.
        ProblemError: a field is missing or malformed, or its private tests are more than a text.
    """
    data = row.data
    if difficulty and data.get("difficulty") != difficulty:
        return None
    public = _tests(data.get("public_test_cases"), "public_test_cases")
    tests = [*public, *_tests(data.get("private_test_cases"), "private_test_cases")]
    if not tests:
        raise LeftOutError(NO_TESTS)
    kinds = {str(test.get("testtype", "stdin")) for test in tests}
    if kinds not in ({"stdin"}, {"functional"}):
        raise ProblemError("testtype", f"must be stdin or functional, the same for all tests; is {sorted(kinds)}")
    called = kinds == {"functional"}
    problem = parse_problem(
        {
            "question": data.get("question_content"),
            "starter_code": data.get("starter_code"),
            "difficulty": data.get("difficulty"),
            "inputs": [test["input"] for test in tests],
            "outputs": [test["output"] for test in tests],
            "public": list(range(len(public))),
            "checker": data.get("checker"),
            **({"fn_name": _function(data.get("metadata"))} if called else {}),
        },
        str(data.get("question_id", row.number)),
    )
    return replace(problem, id=f"livecodebench/{problem.id}", source="livecodebench")


def _tests(value: object, field: str) -> list[Mapping[str, object]]:
    if value is None or value == "":
        return []
    tests: Any = value
    if isinstance(value, str):
        text = value if value.lstrip().startswith("[") else _unpacked(value, field)
        try:
            tests = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ProblemError(field, f"is not JSON ({error})") from None
    if not isinstance(tests, list) or not all(map(_is_test, tests)):
        raise ProblemError(field, "must be a list of objects with `input` and `output`")
    return list(tests)


def _is_test(test: object) -> bool:
    return isinstance(test, Mapping) and "input" in test and "output" in test


def _unpacked(value: str, field: str) -> str:
    """Unpack the JSON text inside base64, zlib and pickle."""
    try:
        stream = zlib.decompressobj()
        packed = stream.decompress(base64.b64decode(value, validate=True), _LARGEST)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise ProblemError(field, f"is neither JSON nor base64 of zlib ({error})") from None
    if not stream.eof:
        raise ProblemError(field, f"is cut short, or holds more than {_LARGEST} bytes")
    if packed.lstrip()[:1] == b"[":
        return packed.decode(errors="replace")
    return _pickled_text(packed, field)


def _pickled_text(packed: bytes, field: str) -> str:
    """Read the text that a pickle spells out from its instructions. Nothing of it is executed."""
    texts: list[str] = []
    try:
        for instruction, argument, _ in pickletools.genops(packed):
            if instruction.name in ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"):
                texts.append(str(argument))
            elif instruction.name not in _HARMLESS:
                raise ProblemError(field, f"its pickle has the instruction {instruction.name}: only a text is read")
    except (ValueError, UnicodeDecodeError) as error:
        if isinstance(error, ProblemError):
            raise
        raise ProblemError(field, f"is not a pickle ({error})") from None
    if len(texts) != 1:
        raise ProblemError(field, f"its pickle holds {len(texts)} texts: must be one")
    return texts[0]


def _function(metadata: object) -> str:
    try:
        found = json.loads(metadata) if isinstance(metadata, str) else metadata
    except (ValueError, RecursionError) as error:
        raise ProblemError("metadata", f"is not JSON ({error})") from None
    name = found.get("func_name") if isinstance(found, Mapping) else None
    if not isinstance(name, str) or not name.isidentifier():
        raise ProblemError("metadata", f"must name the function under test in `func_name`, is {name!r}")
    return name
