"""What callers give to be scored, as JSON has it: problems, programs and finish reasons."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from engine import Problem, ProblemError, parse_problem
from feedback import FinishReason


def problem_of(data: object) -> Problem:
    """Read a problem. The same data give the same object, because an engine's cache knows problems by identity.

    Args:
        data: A problem in the APPS, MBPP or HumanEval shape, as an object or as JSON text. JSON text is safer in a
            column of a data set, where the values of all rows must have one type.

    Raises:
        ProblemError: it is no such problem; the message names the field.
    """
    return _parsed(data if isinstance(data, str) else json.dumps(data, sort_keys=True))


@lru_cache(maxsize=512)  # requests of a batch share problems, and one may take megabytes
def _parsed(text: str) -> Problem:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProblemError("problem", f"is not JSON ({error})") from None
    return parse_problem(data)


def program_of(data: Mapping[str, Any]) -> bytes:
    """Read `program`, or `program_b64` for bytes that are not UTF-8.

    Raises:
        ValueError: there is not exactly one of them, or it is malformed.
    """
    given = [name for name in ("program", "program_b64") if name in data]
    if len(given) != 1:
        raise ValueError("give one of `program` and `program_b64`")
    value = data[given[0]]
    if not isinstance(value, str):
        raise ValueError(f"`{given[0]}` must be a string, is {type(value).__name__}")
    if given[0] == "program":
        return value.encode(errors="surrogatepass")  # a lone surrogate is the program's own fault
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"`program_b64` is not base64 ({error})") from None


def finish_reason_of(data: Mapping[str, Any]) -> FinishReason:
    """Read `finish_reason`. It is `stop` where there is none.

    Raises:
        ValueError: there is no such reason.
    """
    value = data.get("finish_reason", "stop")
    allowed = [reason.value for reason in FinishReason]
    if value not in allowed:
        raise ValueError(f"`finish_reason` is {value!r}; allowed: {', '.join(allowed)}")
    return FinishReason(value)
