"""What every adapter is tried on: the embedded model, whose programs pass about a third of the time, and its problems."""

from __future__ import annotations

import json

import pytest

from training import minicode
from training.quality.audit.writing import problem_record


@pytest.fixture(scope="session")
def model_folder():
    return str(minicode.checkpoint("short"))


@pytest.fixture(scope="session")
def tokenizer(model_folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model_folder)


@pytest.fixture(scope="session")
def rows():
    """Rows of a data set as trainers read them: a prompt, and a problem in its public shape."""
    problems = minicode.problems("short", "train")[:16]
    return [{"prompt": each.prompt + "\n", "problem": json.dumps(problem_record(each))} for each in problems]
