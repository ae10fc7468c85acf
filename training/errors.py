"""How a run can fail, in one place. Each kind has a base class, and the commands turn it into an exit status.

    refused    The input is wrong: a key, a file, a model, a run's name. One line names it and says what is allowed.
               Nothing was changed. Status 2.
    lost       Something outside this process is gone: a server, a cluster, another process of the run.
               The step in progress does not count; a run of one process writes a checkpoint. Status 1.
    diverged   The gradient is not finite. The weights are as they were, and the batch is kept. Status 1.
    stopped    Somebody asked for it. A checkpoint is written, and `--resume` goes on from there. Status 130.

Our own failure to judge a program is not an exception: its verdict is `infra`, it is judged again once, then left out
and counted. Anything else that is raised is a bug and ends the run with its traceback.
"""

from __future__ import annotations

from pathlib import Path


class RefusedError(ValueError):
    """The input cannot be used. The message is one line that says what, where and what is allowed."""


class ConfigError(RefusedError):
    """A key or value of the configuration is not allowed."""


class DataError(RefusedError):
    """A problem set cannot be read, or does not fit the run."""


class PolicyError(RefusedError):
    """The model cannot be loaded or used, or a prompt format is malformed."""


class RunError(RefusedError):
    """There is no such run, or it cannot be used in this way."""


class LostError(RuntimeError):
    """Something outside this process is gone. Raised as it is where another process of the run is."""


class ServerError(LostError):
    """A sampling server answered what cannot be used, or none is left. The message names server and field."""


class ClusterError(LostError):
    """No feedback worker is left on the cluster."""


class ElsewhereError(RuntimeError):
    """Another process of the run failed and reports it itself. This one ends without a word."""


class DivergenceError(RuntimeError):
    """The gradient is not finite, so training cannot go on."""


class Stopping(Exception):  # noqa: N818
    """Training was asked to stop in the middle of a step, which then does not count."""


class Interrupted(Exception):  # noqa: N818
    """Training stopped before its end. Its checkpoint is in `checkpoint`."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__(str(checkpoint))
        self.checkpoint = checkpoint
