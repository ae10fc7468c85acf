"""Judge and read programs on a Ray cluster (docs/scaling.md). Each node runs an `engine` of its own."""

from training.judging.cluster.engine import RayEngine

__all__ = ["RayEngine"]
