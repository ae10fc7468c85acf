"""Judging and reading programs on a Ray cluster (docs/scaling.md).

What this package does not do: judge or read anything itself (`engine` does, on the nodes), or start machines.
"""

from training.judging.cluster.engine import RayEngine

__all__ = ["RayEngine"]
