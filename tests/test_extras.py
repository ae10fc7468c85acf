"""What is optional says how to get it, and training the embedded model needs nothing optional."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
OPTIONAL = (
    *(
        "scipy",
        "matplotlib",
        "tree_sitter",
        "tree_sitter_python",
        "pandas",
        "datasets",
        "pyarrow",
        "peft",
        "accelerate",
    ),
    *("ray", "aiohttp", "tensorboard", "anywidget", "ipywidgets"),
)
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({absent!r}))  # importing any of them raises ModuleNotFoundError
from training.cli import main
sys.exit(main(sys.argv[1:]))
"""


def rltf_without(absent, *arguments):
    command = [sys.executable, "-c", WITHOUT.format(absent=absent), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_every_message_names_an_extra_that_exists_and_brings_the_package():
    named = {
        match.groups()
        for room in ("engine", "feedback", "training", "notebook_ext")
        for path in (ROOT / room).rglob("*.py")
        for match in re.finditer(r"""needs\(["']([\w-]+)["'], ["']([\w-]+)["']\)""", path.read_text())
    }
    assert len(named) >= 8
    brought_by_another = {"pyarrow": "datasets", "pandas": "datasets"}
    for package, extra in named:
        wanted = brought_by_another.get(package, package)
        assert any(re.split(r"[<>=~!]", each)[0] == wanted for each in EXTRAS[extra]), (package, extra)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["ablate", "examples/grids/none.toml"], "rltf ablate: needs matplotlib: pip install 'rltf[compare]'"),
        (
            ["train", "--objective.algorithm", "ppocoder", "--run.folder", "{tmp}"],
            "rltf train: objective.algorithm 'ppocoder': needs tree-sitter-python: pip install 'rltf[similarity]'",
        ),
        (
            ["eval", "embedded:short", "--data", "hf:nobody/nothing", "--out", "{tmp}/out"],
            "rltf eval: data hf:nobody/nothing: needs datasets: pip install 'rltf[data]'",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_missing_extra_is_one_line(tmp_path, arguments, line):
    done = rltf_without(OPTIONAL, *(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.stderr.splitlines() == [line]
    assert done.returncode == 2


def test_the_embedded_model_trains_without_any_extra(tmp_path):
    steps = ["--training.steps", 1, "--data.held_out_limit", 4, "--run.folder", tmp_path, "--run.name", "lean"]
    done = rltf_without(OPTIONAL, "train", *steps)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "lean" / "report.html").exists()
