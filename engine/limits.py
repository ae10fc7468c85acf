"""What one program may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one program's run. CPU time decides, so that a busy machine makes no false time-outs."""

    cpu_seconds: float = 4.0
    """For one test; a problem's own `time_limit` comes first."""
    wall_factor: float = 1.0
    """A test may sleep or wait this many times its CPU limit on the clock, and a whole program twice that."""
    memory_bytes: int = 1 << 30
    """Address space of the program's process."""
    output_bytes: int = 1 << 20
    """Standard output of one test, at least: tests that expect much get twice what they expect."""
    timeouts: int = 1
    """Tests that may time out before the rest are given up, and recorded as timed out without being run."""

    def __post_init__(self) -> None:
        for name in ("cpu_seconds", "wall_factor", "memory_bytes", "output_bytes", "timeouts"):
            if not getattr(self, name) > 0:
                raise ValueError(f"limits.{name} must be positive, is {getattr(self, name)!r}")
        if self.memory_bytes < 64 << 20:
            raise ValueError(f"limits.memory_bytes must be at least {64 << 20}, is {self.memory_bytes}")
