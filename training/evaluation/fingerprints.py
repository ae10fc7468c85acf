"""Fingerprints of what decides an evaluation's result: the problems, and every file of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

from engine import Problem
from training.models.adapters import base_of_adapter

_DECIDING = {".safetensors", ".bin", ".pt", ".pth", ".json", ".jinja", ".model", ".txt", ".py", ".tiktoken"}
_OF_TRAINING = {"optimizer.pt", "critic_optimizer.pt", "progress.json", "checksums.json"}
"""Files of a checkpoint that no evaluation reads."""


def fingerprint_of_problems(problems: Sequence[Problem], *, references: bool = False) -> str:
    """Make a digest that changes when anything does in any problem. References count where they are learned from."""
    digest = hashlib.sha256()
    for problem in problems:
        deciding = problem if references else replace(problem, references=())
        digest.update(_written(deciding).encode(errors="replace"))
    return f"{len(problems)} problems, {digest.hexdigest()[:16]}"


def _written(value: object) -> str:
    """Write a text that is the same in every process, as `repr` is not for sets."""
    if is_dataclass(value):
        return f"({','.join(_written(getattr(value, field.name)) for field in fields(value))})"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}{sorted(map(_written, value))}"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_written(key)}:{_written(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}[{','.join(map(_written, value))}]"
    return repr(value)


def fingerprint_of_model(folder: Path) -> str:
    """Make a digest of the files that decide what the model in a local folder writes. Empty for other names.

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
