"""Checkpoints: everything a run needs to go on, written aside, flushed and renamed.

What this module does not do: unpickle. Weights are safetensors, tensors of the optimizer load with `weights_only`,
the rest is JSON and MessagePack of typed records.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError

from training.critic.network import CriticLearner
from training.files import sync_folder, write_bytes, write_text
from training.learner import LocalLearner
from training.models.adapters import save_weights
from training.policy import Policy
from training.records import Baseline, Experience

_BUFFER = "buffer.msgpack"
_CHECKSUMS = "checksums.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, besides its weights."""

    step: int
    """Optimizer steps taken."""
    samples: int
    """Programs judged for training so far."""
    seconds: float
    """Wall time of all the run's sessions."""
    best: dict[str, Baseline]
    """The best program's outcome of each problem so far (historical-best baseline)."""
    before: dict[str, float]
    """Held-out pass rates before the first step."""
    kl_coefficient: float = 0.0
    """What ppocoder's adaptive controller has made of `objective.kl`."""
    evaluated: int = 0
    """The newest step that was evaluated on the way; one that is due and was interrupted is made up for."""


def save_checkpoint(
    folder: Path,
    policy: Policy,
    learner_state: dict[str, Any],
    progress: Progress,
    experiences: list[Experience],
    keep: int,
    critic: CriticLearner | None = None,
) -> Path:
    """Write `folder/step-N`, complete or not at all, and delete all but the newest `keep`.

    Raises:
        OSError: it cannot be written (a full disk, say); the earlier checkpoints are as they were.
    """
    folder.mkdir(exist_ok=True)  # a run's folder that has been deleted stays so
    final = folder / f"step-{progress.step}"
    aside = folder / f".step-{progress.step}.part"
    gone = folder / f".step-{progress.step}.gone"
    for left_over in (aside, gone):
        shutil.rmtree(left_over, ignore_errors=True)
    aside.mkdir()
    try:
        save_weights(policy.model, aside)
        policy.tokenizer.save_pretrained(aside)
        torch.save({**learner_state, "torch_rng": torch.get_rng_state()}, aside / "optimizer.pt")
        if critic is not None:
            critic.save(aside)
        save_experiences(aside / _BUFFER, experiences)
        write_text(aside / "progress.json", msgspec.json.encode(progress).decode())
        write_text(aside / _CHECKSUMS, json.dumps(_checksums(aside), indent=1))
        sync_folder(aside)
        if final.exists():  # of a run that was stopped at this step before
            final.replace(gone)
        aside.replace(final)
        shutil.rmtree(gone, ignore_errors=True)
        sync_folder(folder)
        for old in checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    except (OSError, SafetensorError, RuntimeError) as error:  # each library has its own name for a full disk
        shutil.rmtree(aside, ignore_errors=True)
        raise OSError(f"{aside}: the checkpoint cannot be written: {str(error).splitlines()[0]}") from error
    return final


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoints in a folder, oldest first (half-written ones have another name)."""
    return sorted(folder.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))


def newest_valid(folder: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint whose files are as they were written, and what is wrong with the newer ones passed over."""
    for gone in folder.glob(".step-*.gone"):
        final = folder / gone.stem.removeprefix(".")
        if not final.exists():  # the process died just before the new one had its name
            gone.replace(final)
    damaged = []
    for checkpoint in reversed(checkpoints(folder)):
        try:
            expected = json.loads((checkpoint / _CHECKSUMS).read_text())
            found = _checksums(checkpoint)
        except (OSError, ValueError) as error:
            damaged.append(f"{checkpoint}: damaged ({error}); passed over")
            continue
        if found == expected:
            return checkpoint, damaged
        names = [name for name in {**expected, **found} if found.get(name) != expected.get(name)]
        damaged.append(f"{checkpoint}: damaged ({', '.join(names)}); passed over")
    return None, damaged


def load_progress(checkpoint: Path) -> tuple[Progress, list[Experience]]:
    """Where the run stood, and its buffer."""
    progress = msgspec.json.decode((checkpoint / "progress.json").read_bytes(), type=Progress)
    return progress, load_experiences(checkpoint / _BUFFER)


def load_learner(checkpoint: Path, learner: LocalLearner) -> None:
    """Put optimizer, schedule and random state back."""
    state = torch.load(checkpoint / "optimizer.pt", map_location="cpu", weights_only=True)
    torch.set_rng_state(state.pop("torch_rng"))
    learner.load_state(state)


def save_experiences(path: Path, experiences: list[Experience]) -> None:
    """Write experiences as MessagePack, whole or not at all."""
    write_bytes(path, msgspec.msgpack.encode(experiences, enc_hook=_array_to_plain))


def load_experiences(path: Path) -> list[Experience]:
    """Read what `save_experiences` wrote."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Experience], dec_hook=_plain_to_array)


def _checksums(folder: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(folder.iterdir()):
        if path.name != _CHECKSUMS:
            with path.open("rb") as file:
                digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _array_to_plain(value: object) -> dict[str, object]:
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "shape": value.shape, "data": value.tobytes()}
    raise TypeError(f"cannot put a {type(value).__name__} into a checkpoint")


def _plain_to_array(_: type, plain: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(plain["data"], dtype=plain["dtype"]).reshape(plain["shape"])
