"""The online loop, models, data sets, evaluation and the `rltf` command.

What this package does not do: show runs in notebooks (`notebook_ext`). Importing it loads no torch; training does.
"""

from training.config import ConfigError, TrainConfig
from training.recorder import Recorder, Scored
from training.run import Run, RunError, launch, watch

__all__ = ["ConfigError", "Recorder", "Run", "RunError", "Scored", "TrainConfig", "launch", "watch"]
