"""The judge under the other supported CPythons that are installed here: the same tests, run by those interpreters.

Judging needs nothing but the standard library, and pytest is pure Python: so an interpreter with nothing installed runs
these tests with the pytest of this one. What reads programs (pylint, libcst) is left out there.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ["3.11", "3.12", "3.13"]
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
MODULES = [
    "test_places.py",
    "test_positions.py",
    "test_like_cpython.py",
    "test_referee.py",
    "test_referee_errors.py",
    "test_honest.py",
]
BORROWED = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")
BOOT = """
import sys, types
sys.path[:0] = sys.argv[1:4]
sys.modules["engine.analysis"] = types.SimpleNamespace(Analyser=None, AnalysisLimits=None)
sys.modules["engine.engine"] = types.SimpleNamespace(Engine=None)
import pytest
options = ["-q", "-x", "--noconftest", "-c", "/dev/null", "-p", "no:cacheprovider", "--import-mode=importlib"]
sys.exit(pytest.main([*options, *sys.argv[4:]]))
"""
"""Imports the judge without what needs packages, and runs the given tests."""


def interpreter(version: str) -> str | None:
    """An interpreter of that version, on the path or among those that pyenv has."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"versions/{version}.*/bin/python"))]
    question = "import ctypes, sys; print('%d.%d' % sys.version_info[:2])"
    for python in found:
        if python is not None:
            answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False).stdout
            if answer.strip() == version:
                return python
    return None


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Path, subprocess.Popen[bytes]]]]:
    """One run for each other interpreter, all at the same time: version -> its output and process."""
    folder = tmp_path_factory.mktemp("borrowed")
    for name in BORROWED:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            origin = origin.parent if spec.submodule_search_locations else origin
            (folder / origin.name).symlink_to(origin)
    tests = [str(ROOT / "tests" / "engine" / name) for name in MODULES]
    started = {}
    environment = {**os.environ, "PYTEST_ADDOPTS": ""}  # what is borrowed knows not all options, and has no metadata
    for version in VERSIONS:
        python = interpreter(version) if version != THIS else None
        if python is not None:
            packages = folder / f"packages-{version}"  # the clerk needs msgspec, which is compiled for each version
            fetch = [python, "-m", "pip", "install", "--quiet", "--target", str(packages), "msgspec"]
            if subprocess.run(fetch, capture_output=True, check=False).returncode:
                continue
            output = folder / f"{version}.txt"
            with output.open("wb") as file:
                command = [python, "-B", "-c", BOOT, str(folder), str(ROOT), str(packages), *tests]
                process = subprocess.Popen(
                    command, stdout=file, stderr=file, cwd=folder, env=environment, start_new_session=True
                )
            started[version] = (output, process)
    yield started
    for _, process in started.values():
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_the_judge_is_right_on_every_supported_python(version, runs):
    if version == THIS:
        pytest.skip("this interpreter: the tests themselves")
    if version not in runs:
        pytest.skip(f"CPython {version} or msgspec for it is not to be had here")
    output, process = runs[version]
    process.wait()
    text = output.read_text(errors="replace")
    assert process.returncode == 0, text[-6000:]
    assert int(re.search(r"(\d+) passed", text)[1]) > 300
