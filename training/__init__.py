"""The online loop, models, data sets, evaluation and the `rltf` command.

Names are imported on first use, so that `rltf --help` and `rltf feedback` load no configuration.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.config import TrainConfig
    from training.errors import ConfigError, RunError
    from training.run import Run, launch, watch
    from training.run.recorder import Recorder, Scored

__all__ = ["ConfigError", "Recorder", "Run", "RunError", "Scored", "TrainConfig", "launch", "watch"]
_MODULES = {
    "TrainConfig": "training.config",
    **dict.fromkeys(("ConfigError", "RunError"), "training.errors"),
    **dict.fromkeys(("Recorder", "Scored"), "training.run.recorder"),
    **dict.fromkeys(("Run", "launch", "watch"), "training.run"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
