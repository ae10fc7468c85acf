"""A stand-in for the trainer: writes a made-up run step by step and obeys the real control file.

Run as `python -m tests.notebook_ext.paced_run FOLDER STEPS SECONDS_PER_STEP`. It trains nothing.
"""

import sqlite3
import sys
import time
from pathlib import Path

from tests.notebook_ext.made_run import append_state, append_steps, make_run
from training.run.control import Control


def main(folder: Path, steps: int, seconds: float) -> None:
    make_run(folder, steps=1, per_step=4, state="running")
    control = Control(folder)
    database = sqlite3.connect(folder / "run.db", timeout=30)
    step = 1
    state = "running"
    while step < steps:
        time.sleep(seconds)
        command = control.poll()
        if command:
            state = {"pause": "paused", "resume": "running", "stop": "stopped"}[command[0]]
            append_state(database, step, state=state, total=steps, id=command[1])
        if state == "stopped":
            return
        if state == "running":
            step += 1
            append_steps(database, step - 1, step, per_step=4, total=steps)
            append_state(database, step, state="running", total=steps, id=command[1] if command else None)
    append_state(database, step, state="finished", total=steps)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
