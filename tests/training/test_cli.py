"""The command line's contract: what it accepts, what it says, how it exits."""

import resource
import subprocess
import sys

import pytest

from tests.commands import rltf
from training.config import keys

pytestmark = pytest.mark.slow


@pytest.fixture
def here(request):
    return request.config.rootpath


def test_help_of_train_documents_every_key_with_its_default(here):
    text = rltf("train", "--help", cwd=here).stdout
    flat = " ".join(text.split())
    assert [key.name for key in keys() if f"--{key.name} " not in flat or f"default {key.default!r}" not in flat] == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["train", "--sampler.temprature", "1"], "sampler.temprature"),
        (["train", "--sampler.temperature", "hot"], "sampler.temperature"),
        (["train", "absent.toml"], "absent.toml"),
        (["train", "--run", "no-such-run", "--resume"], "no-such-run"),
        (["eval", "embedded:none", "--data", "minicode:short:held_out"], "embedded:none"),
        (["eval", "embedded:short", "--data", "minicode:tiny"], "minicode:short|long|varied|uneven"),
        (["eval", "embedded:short", "--data", "minicode:short:held_out", "--samples", "2", "--k", "5"], "--k 5"),
        (["show", "no/such/run"], "no/such/run"),
        (["eval", "embedded:short", "--data", "x.jsonl", "--k", "1,x"], "'1,x'"),
        (["train", "--run", "../../elsewhere"], "run.name"),
        (["nonsense"], "nonsense"),
        (["train", "one.toml", "two.toml"], "no such argument: two.toml"),
        (["show", "--samples", "-1"], "--samples: -1"),
    ],
)
def test_bad_input_exits_with_2_and_one_clear_line(here, arguments, part):
    done = rltf(*arguments, cwd=here)
    assert done.status == 2
    (line,) = done.stderr.splitlines()
    assert part in line
    assert "Traceback" not in done.stderr


def test_the_module_of_the_command_runs_the_command(here):
    command = [sys.executable, "-m", "training.cli", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here, check=False)
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))


@pytest.mark.parametrize(
    "arguments",
    [
        ["feedback", "p.py", "--problem", "p.json"],
        ["train", "--run.folder", "runs"],
        ["audit", "minicode:short:train", "--limit", "1"],
        ["amplify", "minicode:short:train", "--limit", "1", "--out", "more.jsonl"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_too_few_file_descriptors_are_one_line(tmp_path, here, arguments):
    (tmp_path / "p.py").write_text("print(1)")
    (tmp_path / "p.json").write_text('{"inputs": ["3"], "outputs": ["9"]}')
    done = rltf(*arguments, cwd=tmp_path, prepare=few_files)
    assert done.status in (1, 2)
    (line,) = done.stderr.splitlines()
    assert "`ulimit -n` allows 40" in line
