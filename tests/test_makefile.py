"""The two commands: training installs what it needs, the tests add the rest to the same environment."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def said(*words):
    command = ["make", "--dry-run", "--always-make", *words]
    environment = {"PATH": os.environ["PATH"]}  # without what a `make test` around this one was told
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_train_installs_no_extra():
    lines = said("train")
    assert "pip install --quiet --disable-pip-version-check -e .\n" in lines
    assert "[dev]" not in lines


def test_the_tests_add_the_rest_to_the_same_environment():
    installed, _, tested = said("test").partition("ruff check")
    assert installed.index("-e .\n") < installed.index("-e '.[dev]'")
    assert ".venv/bin/python -m pytest" in tested


def test_the_environment_may_lie_elsewhere():
    lines = said("train", "VENV=/elsewhere/env")
    assert "/elsewhere/env/bin/rltf train" in lines
    assert ".venv/" not in lines
