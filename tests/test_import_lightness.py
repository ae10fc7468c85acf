"""The engine and the feedback room stay usable without a deep-learning stack, and the command starts fast."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers")


@pytest.mark.parametrize("module", ["engine", "feedback", "training", "training.cli", "training.cluster.worker"])
def test_importing_does_not_load_torch_or_transformers(module):
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
