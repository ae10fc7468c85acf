"""The recipes of docs/trainers.md are files that run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "trainers"
PAGE = (ROOT / "docs" / "trainers.md").read_text(encoding="utf-8")


def run(name, folder, *words):
    """Run a recipe in an empty folder, as a reader would; what it prints."""
    command = [sys.executable, RECIPES / name, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_recipe_is_on_the_page_and_the_page_names_no_other():
    assert set(re.findall(r"examples/trainers/(\w+\.py)", PAGE)) == {path.name for path in RECIPES.glob("*.py")}


@pytest.mark.slow
def test_trl_trains_from_an_empty_folder(tmp_path):
    pytest.importorskip("trl", reason="TRL is not installed: pip install 'rltf[trl]'")
    said = run("trl_grpo.py", tmp_path, "2")
    rates = [float(rate) for rate in re.search(r"pass rate by step: ([\d. ]+)", said)[1].split()]
    assert len(rates) == 2
    assert 0 < rates[0] < 1
