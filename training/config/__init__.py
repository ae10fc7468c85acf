"""The one typed configuration of a training run: `TrainConfig` and its sections.

What this package does not do: read problems or models, or hold anything that changes during a run.
"""

from training.config.config import ConfigError, TrainConfig, keys, read_toml, unknown_key
from training.config.objective import CriticSection, ObjectiveSection
from training.config.sections import ModelSection, OptimizerSection

__all__ = [
    "ConfigError",
    "CriticSection",
    "ModelSection",
    "ObjectiveSection",
    "OptimizerSection",
    "TrainConfig",
    "keys",
    "read_toml",
    "unknown_key",
]
