"""The engine and the feedback room need no deep-learning stack, and commands load what they use and no more."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers")
RUN = """
import contextlib, json, sys
from training.cli import main
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names)))
"""
STARTED_WITH = {"_distutils_hack", "_virtualenv", "__main__", "_sysconfigdata__linux_x86_64-linux-gnu"}
OURS = {"engine", "feedback", "integrations", "training"}


def loaded(*arguments):
    done = subprocess.run([sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout)) - STARTED_WITH


@pytest.mark.parametrize(
    "module", ["engine", "feedback", "training", "training.cli", "training.judging.cluster.worker"]
)
def test_importing_does_not_load_torch_or_transformers(module):
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_loads_the_standard_library_alone():
    assert loaded("--help") == {"training"}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_feedback_loads_no_configuration_no_model_and_no_analyser(tmp_path, form):
    (tmp_path / "square.py").write_text("print(int(input()) ** 2)\n")
    (tmp_path / "square.json").write_text('{"inputs": ["3\\n"], "outputs": ["9\\n"]}')
    modules = loaded("feedback", tmp_path / "square.py", "--problem", tmp_path / "square.json", *form)
    elsewhere = {"attr", "typing_extensions"}  # by rich 14 and by msgspec, where there is one
    assert modules <= OURS | {"msgspec", "numpy", "rich"} | elsewhere
