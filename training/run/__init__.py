"""A run directory: written by the trainer through one recorder, and read by everything that shows runs.

directory    the run as seen from outside: `Run`, `watch`, `launch`
recorder     the one writer; rows, record and samples say what it writes
store        the database under it
checkpoint   what a resumed run goes on from; resume finds out where it stands
control      commands to a running trainer
display      what a user sees in the terminal; rendering draws one sample
tracking     metrics in somebody else's tracker
"""

from training.run.directory import (
    Command,
    Run,
    Stamp,
    launch,
    move_earlier,
    new_run_path,
    runs_in,
    watch,
)
from training.run.settings import identity_of, read_settings, write_settings

__all__ = [
    "Command",
    "Run",
    "Stamp",
    "identity_of",
    "launch",
    "move_earlier",
    "new_run_path",
    "read_settings",
    "runs_in",
    "watch",
    "write_settings",
]
