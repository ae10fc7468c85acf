"""Records of the sets that code models are trained on by RL: verl's Parquet, PRIME, DeepCoder, TACO, CodeContests, ...

Each becomes a plain record first, with the fields that `engine.parse_problem` reads. Time limits of contest sites are
left out: they were set for compiled languages, and `engine.time_limit` holds for all problems alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from engine import Problem, ProblemError, parse_problem
from engine.fields import checker_of
from training.data.cases import fields_of_cases, fields_of_source
from training.data.reports import NO_TESTS
from training.data.rows import Row
from training.data.shapes import LeftOutError

_PYTHON3 = 3
"""CodeContests' number for the language."""


def collection_of(data: Mapping[str, object]) -> str:
    """Find the collection whose fields a record has. Empty for none of them."""
    if "reward_model" in data:
        return "verl"
    if "verification_info" in data or ("tests" in data and "problem" in data):
        return "deepcoder"
    if {"public_tests", "private_tests", "generated_tests"} & data.keys():
        return "codecontests"
    if "input_output" in data and {"raw_tags", "skill_types", "picture_num"} & data.keys():
        return "taco"
    if str(data.get("entry_point")).startswith("Solution().") and "test" in data:
        return "leetcode"
    return "kodcode" if "test_info" in data or "from solution import" in str(data.get("test")) else ""


def collection_problem(row: Row, collection: str) -> Problem:
    """Read a record of a collection.

    Raises:
        LeftOutError: it is as published and cannot be used, and why.
        ProblemError: a field is missing or malformed.
    """
    fields = {"checker": row.data.get("checker"), **_COLLECTIONS[collection](row.data)}
    fields = {name: value for name, value in fields.items() if value is not None}
    problem = parse_problem(fields, str(row.number))
    return replace(problem, id="/".join(filter(None, (collection, row.split, problem.id))), source=collection)


def _verl(data: Mapping[str, Any]) -> dict[str, object]:
    reward, extra = (_object(data.get(name), name) for name in ("reward_model", "extra_info"))
    if (ability := data.get("ability")) and str(ability) not in ("code", "coding"):
        raise LeftOutError(f"problems that are not code (ability {ability})")
    if "ground_truth" not in reward:
        raise ProblemError("reward_model.ground_truth", "is missing")
    return {
        "prompt": _user_text(data.get("prompt")),
        "id": _identity(extra.get("index"), data.get("data_source")),
        "starter_code": extra.get("starter_code"),
        "reference": extra.get("reference") or extra.get("solution"),
        "checker": extra.get("checker") or data.get("checker"),
        **fields_of_cases(reward["ground_truth"], "reward_model.ground_truth", extra.get("fn_name")),
    }


def _identity(index: object, source: object) -> str | None:
    """Identify a record, whose index is one of its source only."""
    return None if index is None else "/".join(str(part) for part in (source, index) if part not in (None, ""))


def _user_text(messages: object) -> str:
    """Read what the user says in a conversation. A system's words belong to a model's own template."""
    if isinstance(messages, str) or messages is None:
        return messages or ""
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        raise ProblemError("prompt", "must be a text, or a list of messages with `role` and `content`")
    return "\n\n".join(_content(message.get("content")) for message in messages if message.get("role") == "user")


def _content(content: object) -> str:
    """Read what a message says: a text, or parts of type `text`."""
    if isinstance(content, str) or content is None:
        return content or ""
    if not isinstance(content, list) or not all(isinstance(part, Mapping) for part in content):
        raise ProblemError(
            "prompt", "must be a text, or a list of messages whose `content` is a text or a list of parts"
        )
    if others := [str(part.get("type")) for part in content if not isinstance(part.get("text"), str)]:
        raise ProblemError("prompt", f"has a part that is no text ({others[0]})")
    return "\n".join(part["text"] for part in content)


def _deepcoder(data: Mapping[str, Any]) -> dict[str, object]:
    metadata = _object(data.get("metadata"), "metadata")
    info = _object(data.get("verification_info"), "verification_info")
    if (language := info.get("language", "python")) != "python":
        raise LeftOutError(f"problems in another language ({language})")
    cases, field = (info.get("test_cases"), "verification_info") if info else (data.get("tests"), "tests")
    return {
        "prompt": data.get("problem") or data.get("prompt"),
        "id": data.get("problem_id"),
        "starter_code": data.get("starter_code"),
        "solutions": data.get("solutions") or None,
        "solution": data.get("gold_standard_solution"),
        **fields_of_cases(cases, field, metadata.get("func_name")),
    }


def _taco(data: Mapping[str, Any]) -> dict[str, object]:
    return {
        "question": data.get("question"),
        "starter_code": data.get("starter_code"),
        "solutions": data.get("solutions"),
        "difficulty": data.get("difficulty"),
        **fields_of_cases(data.get("input_output"), "input_output"),
    }


def _codecontests(data: Mapping[str, Any]) -> dict[str, object]:
    if data.get("input_file") or data.get("output_file"):
        raise LeftOutError("problems that read or write files")
    try:
        checker = checker_of({"checker": data.get("checker") or data.get("generated_checker")})
    except ProblemError:
        raise LeftOutError("problems whose checker is no `def check(input, expected, actual)` in Python") from None
    parts = [_tests(data, name) for name in ("public_tests", "private_tests", "generated_tests")]
    inputs, outputs = ([text for part in parts for text in part[side]] for side in (0, 1))
    if not inputs:
        raise LeftOutError(NO_TESTS)
    solutions = _object(data.get("solutions"), "solutions")
    texts = zip(solutions.get("language") or [], solutions.get("solution") or [], strict=False)
    return {
        "description": data.get("description"),
        "id": data.get("name"),
        "inputs": inputs,
        "outputs": outputs,
        "checker": checker,
        "public": list(range(len(parts[0][0]))),
        "solutions": [text for language, text in texts if language in (_PYTHON3, "PYTHON3")],
    }


def _tests(data: Mapping[str, Any], name: str) -> tuple[list[object], list[object]]:
    """Read the inputs and outputs of one part of the tests, which must be as many."""
    part = _object(data.get(name), name)
    inputs, outputs = part.get("input") or [], part.get("output") or []
    if len(inputs) != len(outputs):
        raise ProblemError(name, f"has {len(outputs)} outputs for {len(inputs)} inputs")
    return inputs, outputs


def _leetcode(data: Mapping[str, Any]) -> dict[str, object]:
    test = f"{data.get('test')}\n\ncheck({data.get('entry_point')})\n"
    return {
        "problem_description": data.get("problem_description") or data.get("query"),
        "id": data.get("task_id"),
        "starter_code": data.get("starter_code"),
        "difficulty": data.get("difficulty"),
        "prelude": data.get("prompt"),
        "test_setup_code": data.get("prompt"),
        "test_list": [test],
        "entry_point": "Solution",
        "public": [],
        "solution": data.get("completion"),
    }


def _kodcode(data: Mapping[str, Any]) -> dict[str, object]:
    functions = data.get("test_info") or [{}]
    first = functions[0] if isinstance(functions, list) and isinstance(functions[0], Mapping) else {}
    return {
        "question": data.get("question"),
        "id": data.get("question_id"),
        "solution": data.get("solution"),
        **fields_of_source(str(data.get("test") or ""), "test", first.get("function_name")),
    }


def _object(value: object, field: str) -> Mapping[str, Any]:
    """Read an object, or the JSON text of one. Empty where there is none."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ProblemError(field, f"is not JSON ({error})") from None
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise ProblemError(field, f"must be an object, is {type(value).__name__}")
    return value


_COLLECTIONS: dict[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
    "verl": _verl,
    "deepcoder": _deepcoder,
    "taco": _taco,
    "codecontests": _codecontests,
    "leetcode": _leetcode,
    "kodcode": _kodcode,
}
COLLECTIONS = tuple(_COLLECTIONS)
