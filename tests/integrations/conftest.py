"""What every adapter is tried on: the embedded model, whose programs pass about a third of the time, and its problems."""

from __future__ import annotations

import pytest

from training import minicode


@pytest.fixture(scope="session")
def model_folder():
    return str(minicode.checkpoint("short"))


@pytest.fixture(scope="session")
def tokenizer(model_folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model_folder)


@pytest.fixture(scope="session")
def rows():
    from benchmarks import adapter_steps

    return adapter_steps.rows()[:16]
