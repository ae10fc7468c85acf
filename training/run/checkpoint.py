"""Write and read checkpoints, which have everything that a run needs to go on. They are written aside and renamed.

Nothing is unpickled. Weights are safetensors, tensors of the optimizer load with `weights_only`, and the rest is JSON
and MessagePack of typed records.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError

from training.errors import RunError
from training.files import flush, sync_folder, write_bytes, write_text
from training.models.adapters import save_weights
from training.models.policy import Policy
from training.records import Experience

_BUFFER = "buffer.msgpack"
_ALGORITHM = "algorithm.pt"
_CHECKSUMS = "checksums.json"
_OPTIMIZER = "optimizer.pt"


@dataclass(slots=True)
class Progress:
    """Where a run stands, besides its weights."""

    step: int = 0
    """Optimizer steps taken."""
    samples: int = 0
    """Programs judged for training so far."""
    seconds: float = 0.0
    """Wall time of the run's earlier sessions."""
    before: dict[str, float] = field(default_factory=dict)
    """Held-out pass rates before the first step."""
    evaluated: int = 0
    """The newest step that was evaluated on the way. One that is due and was interrupted is made up for."""
    run: str = ""
    """The identity of the run that this is a checkpoint of."""
    recorded: int = 0
    """The `seq` of the newest row in the run's database when this was written."""
    offline: str = ""
    """The digest of the samples that an offline run learns from."""
    given: dict[str, str] = field(default_factory=dict)
    """Fingerprints of the problems, and of a base model that stays as it is, by what the configuration calls them."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A checkpoint that cannot be gone on with."""

    path: Path
    why: str

    def __str__(self) -> str:
        return f"{self.path}: damaged ({self.why}); passed over"


def save_checkpoint(
    folder: Path,
    policy: Policy,
    learner_state: dict[str, Any],
    algorithm_state: dict[str, Any],
    progress: Progress,
    experiences: list[Experience],
    keep: int,
) -> Path:
    """Write `folder/step-N`, complete or not at all, and delete older ones until `keep` whole ones are left.

    A damaged checkpoint counts for nothing here: it is set aside, and a whole one is kept in its place.

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
        torch.save({**learner_state, "torch_rng": torch.get_rng_state()}, aside / _OPTIMIZER)
        torch.save(algorithm_state, aside / _ALGORITHM)
        save_experiences(aside / _BUFFER, experiences)
        write_text(aside / "progress.json", msgspec.json.encode(progress).decode())
        write_text(aside / _CHECKSUMS, json.dumps(_checksums(aside), indent=1))
        sync_folder(aside)
        if final.exists():  # of a run that was stopped at this step before
            final.replace(gone)
        aside.replace(final)
        shutil.rmtree(gone, ignore_errors=True)
        flush(folder)
        _delete_older(folder, progress.step, keep)
    except (OSError, SafetensorError, RuntimeError) as error:  # each library has its own name for a full disk
        free = shutil.disk_usage(folder).free >> 20 if folder.is_dir() else 0  # torch does not say that a disk is full
        shutil.rmtree(aside, ignore_errors=True)
        reason = str(error).splitlines()[0]
        raise OSError(f"{aside}: the checkpoint cannot be written: {reason} ({free} MiB are free there)") from error
    return final


def _delete_older(folder: Path, step: int, keep: int) -> None:
    whole = 1  # the one just written
    for old in reversed([path for path in checkpoints(folder) if step_of(path) < step]):
        if whole == keep:
            shutil.rmtree(old)
        elif _is_untouched(old) or not damage(old):
            whole += 1
        else:
            set_aside(old)


def checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints in a folder, oldest first. Those half-written or set aside have other names."""
    found = [path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal()]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    """Read the step from a checkpoint's name."""
    return int(checkpoint.name.removeprefix("step-"))


def newest_valid(folder: Path, run: str = "") -> tuple[Path | None, list[Damaged]]:
    """Find the newest checkpoint whose files are as they were written.

    Args:
        folder: Where the checkpoints are.
        run: The identity of the run that they must belong to; empty takes any.

    Returns:
        The checkpoint, if there is one, and the newer ones that were passed over.
    """
    for gone in folder.glob(".step-*.gone"):
        final = folder / gone.stem.removeprefix(".")
        if not final.exists():  # the process died just before the new one had its name
            gone.replace(final)
    damaged: list[Damaged] = []
    for checkpoint in reversed(checkpoints(folder)):
        if not (why := damage(checkpoint) or _of_another(checkpoint, run)):
            return checkpoint, damaged
        damaged.append(Damaged(checkpoint, why))
    return None, damaged


def damage(checkpoint: Path) -> str:
    """Say what is wrong with a checkpoint's files. Empty where they are as they were written."""
    try:
        expected = _digests(checkpoint)
        found = {path.name: digest_of(path) for path in _files(checkpoint)}
    except OSError as error:
        return f"{Path(error.filename).name}: {error.strerror}"
    except (ValueError, AttributeError, KeyError, TypeError):
        return f"{_CHECKSUMS}: cannot be read"
    return ", ".join(name for name in {**expected, **found} if expected.get(name) != found.get(name))


def changed_files(checkpoint: Path) -> list[str]:
    """Name the files of a checkpoint that a model is read from and that are not as they were written.

    A folder without checksums is no run's checkpoint and has none. The optimizer's state is not looked at, and what was
    deleted is missed by whoever reads it.
    """
    try:
        written = json.loads((checkpoint / _CHECKSUMS).read_text())
        expected = {name: entry["sha256"] for name, entry in written.items() if name != _OPTIMIZER}
        return [
            name
            for name, digest in expected.items()
            if (file := checkpoint / name).exists() and digest_of(file) != digest
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return [_CHECKSUMS]


def _digests(checkpoint: Path) -> dict[str, str]:
    """Read the digests of a checkpoint's files as they were written."""
    return {name: entry["sha256"] for name, entry in json.loads((checkpoint / _CHECKSUMS).read_text()).items()}


def _of_another(checkpoint: Path, run: str) -> str:
    try:
        progress = load_progress(checkpoint)
    except msgspec.MsgspecError as error:
        return f"progress.json: {error}"
    if run and progress.run != run:
        return "it is another run's"
    return "" if progress.step == step_of(checkpoint) else f"it is that of step {progress.step}"


def _is_untouched(checkpoint: Path) -> bool:
    """Say whether no file has been written since, which is quicker than reading them all."""
    try:
        written = json.loads((checkpoint / _CHECKSUMS).read_text())
        expected = {name: (entry["size"], entry["mtime_ns"]) for name, entry in written.items()}
        stats = {path.name: path.stat() for path in _files(checkpoint)}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return False
    return expected == {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def set_aside(checkpoint: Path) -> Path:
    """Give a damaged checkpoint another name, under which it counts no more. Nothing of it is deleted."""
    endings = chain([""], (f"-{number}" for number in count(2)))
    names = (checkpoint.with_name(f"{checkpoint.name}.damaged{ending}") for ending in endings)
    aside = next(path for path in names if not path.exists())
    return checkpoint.rename(aside)


def load_progress(checkpoint: Path) -> Progress:
    """Read where the run stood."""
    return msgspec.json.decode((checkpoint / "progress.json").read_bytes(), type=Progress)


def load_buffer(checkpoint: Path) -> list[Experience]:
    """Read the experiences that the run had kept."""
    return load_experiences(checkpoint / _BUFFER)


def load_algorithm(checkpoint: Path) -> dict[str, Any]:
    """Read the algorithm's state.

    Raises:
        RunError: an earlier version wrote the checkpoint, without what this one goes on with.
    """
    if not (checkpoint / _ALGORITHM).exists():
        raise RunError(
            f"{checkpoint}: written by an earlier rltf, so the run cannot be gone on with; it can be shown, and its"
            " model evaluated or trained further (--model.name)"
        )
    state: dict[str, Any] = torch.load(checkpoint / _ALGORITHM, map_location="cpu", weights_only=True)
    return state


def load_learner_state(checkpoint: Path) -> dict[str, Any]:
    """Put torch's random state back. Returns the learner's."""
    state: dict[str, Any] = torch.load(checkpoint / _OPTIMIZER, map_location="cpu", weights_only=True)
    torch.set_rng_state(state.pop("torch_rng"))
    return state


def save_experiences(path: Path, experiences: list[Experience]) -> None:
    """Write experiences as MessagePack, whole or not at all."""
    write_bytes(path, msgspec.msgpack.encode(experiences, enc_hook=_array_to_plain))


def load_experiences(path: Path) -> list[Experience]:
    """Read what `save_experiences` wrote."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Experience], dec_hook=_plain_to_array)


def digest_of(path: Path) -> str:
    """Compute the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(checkpoint: Path) -> list[Path]:
    return sorted(path for path in checkpoint.iterdir() if path.name != _CHECKSUMS)


def _checksums(checkpoint: Path) -> dict[str, dict[str, str | int]]:
    """Digest, size and time of last change of each file in a checkpoint."""
    stats = {path: path.stat() for path in _files(checkpoint)}
    return {
        path.name: {"sha256": digest_of(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        for path, stat in stats.items()
    }


def _array_to_plain(value: object) -> dict[str, object]:
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "shape": value.shape, "data": value.tobytes()}
    raise TypeError(f"cannot put a {type(value).__name__} into a checkpoint")


def _plain_to_array(_: type, plain: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(plain["data"], dtype=plain["dtype"]).reshape(plain["shape"]).copy()  # one that may be written
