"""What wrote a run, and on which machine: `about.json`, written once when its database is made."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from training.files import write_text

_FILE = "about.json"
_KEYS = ("rltf", "python", "torch", "system", "cores", "accelerator", "started")


def write_about(folder: Path) -> None:
    """Describe this process in a run directory, unless one has been described there before."""
    if not (folder / _FILE).exists():
        write_text(folder / _FILE, json.dumps(_description(), indent=1))


def read_about(folder: Path) -> dict[str, Any]:
    """Read what `write_about` wrote. Empty where the file is missing, as in older runs, or damaged."""
    try:
        about = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) and about.keys() >= set(_KEYS) else {}


def _description() -> dict[str, Any]:
    return {
        "rltf": _version("rltf"),
        "python": platform.python_version(),
        "torch": _version("torch"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "accelerator": _accelerator(),
        "started": time.time(),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _accelerator() -> str:
    """Name the accelerator. Only a process that has loaded torch has one, and this does not load it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return "none"
    return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
