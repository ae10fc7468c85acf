"""Wherever Python, its packages and the checkout lie, programs find the library and numpy, and nothing else of this machine.

Each layout is a copy of this interpreter (without what is large) that starts the sandbox. Its numpy is a small package of
that name, with a library beside it as the wheels have. The program runs at level 3 and at level 2.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.sandbox.worker import LAYERS, Worker

ROOT = Path(__file__).resolve().parents[2]
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
LARGE = (
    "test",
    "idlelib",
    "lib2to3",
    "ensurepip",
    "tkinter",
    "turtledemo",
    "config-*",
    "site-packages",
    "dist-packages",
)
BOOT = """
import sys, types
engine = types.ModuleType("engine"); engine.__path__ = [sys.argv[1] + "/engine"]; sys.modules["engine"] = engine
from engine.sandbox.wire import Request, Task
from engine.sandbox.worker import Worker
program = open(sys.argv[2], "rb").read()
for layers in (("seccomp", "landlock", "namespaces"), ("seccomp", "landlock")):
    worker = Worker(layers=layers)
    for _ in range(2):  # what one program leaves, the next must not miss
        outcome = worker.run(Task("stdin", program, "", "", "", ("\\n".join(sys.argv[3:]),), b"", 1 << 16, ""), Request(20.0, 20.0, 1 << 17))
        print(outcome.output.decode() or outcome.records.decode(errors="replace"))
    worker.close()
"""
PROGRAM = """
import os, shutil, sys, tempfile
for name in ("ssl", "sqlite3", "decimal", "zoneinfo", "encodings.idna", "multiprocessing.pool", "xml.dom.minidom", "numpy"):
    __import__(name)
import numpy
assert open(os.path.dirname(numpy.__file__) + ".libs/libblas.so").read() == "blas"
for path in sys.stdin.buffer.read().decode(errors="surrogatepass").split("\\n"):
    folder, name = os.path.split(path)
    for attempt in (open, lambda path: name in os.listdir(folder) or 1 / 0):
        try:
            attempt(path)
            print("seen", path)
        except (OSError, ZeroDivisionError): pass
try: left = os.listdir("/tmp")
except PermissionError: left = []
for name in left:
    try: os.rename("/tmp/" + name, "/tmp/moved")
    except OSError: pass
    shutil.rmtree("/tmp/" + name, ignore_errors=True)
print("numpy", numpy.answer)
"""


@dataclass(frozen=True)
class Layout:
    """One interpreter, and what its programs must not see."""

    python: Path
    secrets: tuple[Path, ...] = ()
    path: Path | None = None
    checkout: Path = ROOT


@pytest.fixture(scope="module", autouse=True)
def offered() -> None:
    worker = Worker()
    worker.close()
    if missing := {layer: worker.missing[layer] for layer in LAYERS if layer in worker.missing}:
        pytest.skip(f"not offered here: {missing}")


def install_python(prefix: Path) -> Path:
    """Copy this interpreter to `prefix`, with a data set among its packages; returns the executable."""
    library = prefix / "lib" / VERSION
    shutil.copytree(Path(os.__file__).parent, library, ignore=shutil.ignore_patterns(*LARGE))
    for shared in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        shutil.copy(shared, prefix / "lib")
    python = prefix / "bin" / VERSION
    python.parent.mkdir()
    shutil.copy(os.path.realpath(sys.executable), python)
    for secret in secrets_of(prefix):
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text("the answers")
    return python


def secrets_of(prefix: Path) -> tuple[Path, ...]:
    packages = prefix / "lib" / VERSION / "site-packages"
    return (packages / "answers" / "test.jsonl", prefix / "lib" / "share" / "answers.jsonl", prefix / "answers.jsonl")


def install_numpy(packages: Path) -> None:
    for folder, name, text in (
        ("numpy", "__init__.py", "from numpy.inner import answer"),
        ("numpy", "inner.py", "answer = 42"),
        ("numpy.libs", "libblas.so", "blas"),
    ):
        (packages / folder).mkdir(parents=True, exist_ok=True)
        (packages / folder / name).write_text(text)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix below `/tmp`, conda-like where this Python's library is shared: `<prefix>/lib` holds all packages too."""
    prefix = tmp_path_factory.mktemp("base") / "py"
    install_python(prefix)
    install_numpy(prefix / "lib" / VERSION / "site-packages")
    return prefix


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], Path]]:
    """Makes a folder in another directory of this machine, and removes it at the end."""
    made: list[Path] = []

    def make(parent: str) -> Path:
        if not os.access(parent, os.W_OK):
            pytest.skip(f"{parent} is not writable here")
        made.append(Path(tempfile.mkdtemp(prefix="rltf-layout-", dir=parent)))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


def run(layout: Layout, tmp_path: Path) -> list[str]:
    """What the program prints in the layout: twice at level 3, then twice at level 2."""
    program = tmp_path / "program.txt"
    program.write_text(PROGRAM)
    prefix = layout.python.parents[1]
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(prefix / "lib")}
    if layout.path is not None:
        environment["PYTHONPATH"] = str(layout.path)
    command = [layout.python, "-B", "-c", BOOT, layout.checkout, program, *layout.secrets]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout.split("\n\n")[:-1]


def check(layout: Layout, tmp_path: Path) -> None:
    assert run(layout, tmp_path) == ["numpy 42"] * 4


def test_python_below_tmp(base, tmp_path):
    check(Layout(base / "bin" / VERSION, secrets_of(base)), tmp_path)


def test_a_shared_library_in_the_prefix_opens_no_other_package(base, tmp_path):
    """As conda and `--enable-shared` have it: here the library is another one that the interpreter loads at its start."""
    prefix = tmp_path / "conda"
    shutil.copytree(base, prefix, symlinks=True)
    (foreign,) = [
        line.split()[-1]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "libc.so" in line or "libc-" in line
    ][:1]
    shutil.copy(foreign, prefix / "lib" / Path(foreign).name)
    check(Layout(prefix / "bin" / VERSION, secrets_of(prefix)), tmp_path)


@pytest.mark.parametrize("parent", ["/var/tmp", "/dev/shm"])
def test_python_in_other_temporary_directories(parent, base, elsewhere, tmp_path):
    prefix = elsewhere(parent) / "py"
    shutil.copytree(base, prefix)
    check(Layout(prefix / "bin" / VERSION, secrets_of(prefix)), tmp_path)


def test_a_path_with_blanks_and_letters_of_any_alphabet(base, tmp_path):
    prefix = tmp_path / "Ordner mit Ä und 日本 \udce9"  # the last is no UTF-8
    shutil.copytree(base, prefix)
    check(Layout(prefix / "bin" / VERSION, secrets_of(prefix)), tmp_path)


def test_a_prefix_that_is_reached_through_a_link(base, tmp_path):
    prefix = tmp_path / "current"
    prefix.symlink_to(base)
    check(Layout(prefix / "bin" / VERSION, (*secrets_of(prefix), *secrets_of(base))), tmp_path)


def test_a_library_of_links(base, tmp_path):
    """As package managers with a store of their own lay it out."""
    prefix = tmp_path / "profile"
    (prefix / "lib" / VERSION).mkdir(parents=True)
    for folder in ("lib", f"lib/{VERSION}"):
        for entry in (base / folder).iterdir():
            if entry.name not in (VERSION, "site-packages"):
                (prefix / folder / entry.name).symlink_to(entry)
    shutil.copytree(base / "bin", prefix / "bin")
    packages = prefix / "lib" / VERSION / "site-packages"
    store = tmp_path / "store"
    install_numpy(store)
    (packages / "numpy").mkdir(parents=True)
    for entry in (store / "numpy").iterdir():
        (packages / "numpy" / entry.name).symlink_to(entry)
    check(Layout(prefix / "bin" / VERSION, secrets_of(base)), tmp_path)


def test_a_virtual_environment_that_is_reached_through_a_link(base, tmp_path):
    real, link = tmp_path / "real" / ".venv", tmp_path / ".venv"
    packages = real / "lib" / VERSION / "site-packages"
    install_numpy(packages)
    (packages / "answers.txt").write_text("the answers")
    (real / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\ninclude-system-site-packages = false\n")
    (real / "bin").mkdir()
    (real / "bin" / VERSION).symlink_to(base / "bin" / VERSION)
    (real / "lib").joinpath("libpython-link").symlink_to(base / "lib")
    for shared in (base / "lib").glob("libpython*.so*"):
        (real / "lib" / shared.name).symlink_to(shared)
    link.symlink_to(real)
    check(Layout(link / "bin" / VERSION, (packages / "answers.txt", *secrets_of(base))), tmp_path)


def test_packages_installed_under_another_prefix(base, tmp_path):
    prefix, packages = tmp_path / "py", tmp_path / "other" / "lib" / VERSION / "site-packages"
    shutil.copytree(base, prefix, ignore=shutil.ignore_patterns("numpy*"))
    install_numpy(packages)
    (packages / "answers.txt").write_text("the answers")
    check(Layout(prefix / "bin" / VERSION, (packages / "answers.txt", *secrets_of(prefix)), path=packages), tmp_path)


def test_a_checkout_below_tmp_is_neither_seen_nor_changed(base, tmp_path):
    checkout = tmp_path / "a checkout"
    shutil.copytree(ROOT / "engine", checkout / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*checkout.rglob("*"), checkout]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(checkout.rglob("*"))
    secret = checkout / "engine" / "sandbox" / "zygote.py"
    check(Layout(base / "bin" / VERSION, (secret,), checkout=checkout), tmp_path)
    assert sorted(checkout.rglob("*")) == before
    for path in [*checkout.rglob("*"), checkout]:
        path.chmod(0o755)
