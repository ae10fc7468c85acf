"""Fingerprints of what decides an evaluation's result: the problems, and every file of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from engine import Problem
from training.models.adapters import base_of_adapter

_DECIDING = {".safetensors", ".bin", ".pt", ".pth", ".json", ".jinja", ".model", ".txt", ".py", ".tiktoken"}
_OF_TRAINING = {"optimizer.pt", "critic_optimizer.pt", "progress.json", "checksums.json"}
"""Files of a checkpoint that no evaluation reads."""


def fingerprint_of_problems(problems: Sequence[Problem]) -> str:
    """Changes when anything but a reference does in any of them."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(repr(replace(problem, references=())).encode(errors="replace"))
    return f"{len(problems)} problems, {digest.hexdigest()[:16]}"


def fingerprint_of_model(folder: Path) -> str:
    """Changes when any file does that decides what the model in a local folder writes; empty for other names.

    Those are all weights, read whole and in whatever format, the tokenizer, and every configuration and template. Under
    an adapter the base model's files count too, where they are in a folder as well.
    """
    files = [path for path in sorted(folder.glob("*")) if _decides(path)]
    digest = hashlib.sha256()
    with ThreadPoolExecutor() as threads:
        for path, content in zip(files, threads.map(_digest, files), strict=True):
            digest.update(path.name.encode() + content)
    if files and (base := base_of_adapter(folder)) is not None:
        digest.update(f"{base} {fingerprint_of_model(Path(base))}".encode())
    return digest.hexdigest()[:16] if files else ""


def _decides(path: Path) -> bool:
    return path.suffix in _DECIDING and path.name not in _OF_TRAINING and path.is_file()


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
