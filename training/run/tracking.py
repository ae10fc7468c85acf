"""Send a run's metrics to TensorBoard, Weights & Biases or trackio, through their own libraries.

`run.db` is written as well. It has the samples too, and every view here reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from training.config import TrainConfig
from training.errors import ConfigError

Track = Callable[[int, Mapping[str, float]], None]
_PROJECT = "rltf"


def open_tracking(config: TrainConfig, path: Path, step: int) -> tuple[Track, Callable[[], None]]:
    """Open a tracker. Returns what takes a step's metrics, and what closes it. `step` is where the run goes on.

    Raises:
        ConfigError: the library is not installed.
    """
    settings = config.model_dump(mode="json")
    match config.run.track:
        case "tensorboard":
            _needed("tensorboard", "tensorboard")
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter(str(path / "tensorboard"), purge_step=step + 1)

            def write(at: int, metrics: Mapping[str, float]) -> None:
                for name, value in metrics.items():
                    writer.add_scalar(name, value, at)
                writer.flush()

            return write, writer.close
        case "wandb":
            wandb = _needed("wandb", "wandb")
            run = wandb.init(
                project=_PROJECT, name=path.name, id=path.name, dir=str(path), config=settings, resume="allow"
            )
            return lambda at, metrics: run.log(dict(metrics), step=at), run.finish
        case "trackio":
            trackio = _needed("trackio", "trackio")
            trackio.init(project=_PROJECT, name=path.name, config=settings, resume="allow")
            return lambda at, metrics: trackio.log(dict(metrics), step=at), trackio.finish
    return lambda *_: None, lambda: None


def _needed(module: str, package: str) -> Any:  # noqa: ANN401
    try:
        return import_module(module)
    except ImportError:
        raise ConfigError(f"run.track {module!r}: needs its library (pip install {package})") from None
