"""Gather what a bare machine lacks: `python -m benchmarks.gpu.wheels [NAME ...] [--python 3.12] [--out .whl]`.

The machine has a PyTorch for its GPU, transformers, accelerate and what they need, and no network. Wheels for its
Python are fetched here, each without its own requirements, and their sizes are printed. Install them there with
`python3 -m pip install --no-index --no-deps --target /tmp/site .whl/*.whl`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

NEEDED = (
    "pylint", "astroid", "isort", "mccabe", "tomlkit", "dill", "platformdirs",
    "libcst",
    "msgspec", "tomli-w",
    "pydantic", "pydantic-core", "annotated-types", "typing-inspection", "typing-extensions",
    "peft",
)  # fmt: skip
"""What rltf and the stages need beside GIVEN, with what those need in turn. A ready configuration has an adapter."""
GIVEN = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy", "rich", "filelock")
"""What a machine with PyTorch, transformers and accelerate has."""
BESIDE = {"trl": ("trl", "datasets", "dill", "multiprocess")}
"""What else a name on the command line stands for."""
_GLIBC = (28, 27, 17, 24, 31, 34, 35)


def main() -> int:
    """Fetch the wheels. Returns 1 if one is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.wheels", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="more packages, such as trl")
    parser.add_argument("--python", default="3.12", help="that machine's Python (default: 3.12)")
    parser.add_argument("--out", type=Path, default=Path(".whl"), help="folder of the wheels (default: .whl)")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    platforms = [word for number in _GLIBC for word in ("--platform", f"manylinux_2_{number}_x86_64")]
    names = dict.fromkeys([*NEEDED, *(each for name in chosen.names for each in BESIDE.get(name, (name,)))])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"),
            *("--python-version", chosen.python, "--implementation", "cp", *platforms),
            *("--platform", "manylinux2014_x86_64", "--dest", str(chosen.out), *_pinned(names)),
        ],
        check=False,
    )
    wheels = sorted(chosen.out.glob("*.whl"), key=lambda path: -path.stat().st_size)
    for wheel in wheels:
        print(f"{wheel.stat().st_size / 2**20:8.2f} MiB  {wheel.name}")
    print(f"{sum(wheel.stat().st_size for wheel in wheels) / 2**20:8.2f} MiB  in all")
    return done.returncode


def _pinned(names: dict[str, None]) -> list[str]:
    """Take the versions that this project is tested with, where it names them."""
    listed = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", Path("constraints.txt").read_text(), re.MULTILINE))
    return [f"{name}=={listed[name]}" if name in listed else name for name in names]


if __name__ == "__main__":
    sys.exit(main())
