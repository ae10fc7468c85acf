"""The magics `%rltf` and `%%rltf_feedback` show runs and judge programs from a cell, without imports."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from engine import ProblemError
from notebook_ext.assessment import as_problem, assess_program
from notebook_ext.views import SampleView, TrainingView
from training import Run, RunError, watch
from training.run import runs_in

_ACTIONS = ("watch", "pause", "resume", "stop", "export")
_USAGE = "usage: %rltf watch|pause|resume|stop [RUN]   or   %rltf export [RUN] [FILE.html]"


@magics_class
class RltfMagics(Magics):
    """The two magics."""

    @line_magic
    def rltf(self, line: str) -> TrainingView | None:
        """Run `%rltf watch|pause|resume|stop|export [RUN]`. RUN is a directory, a name in runs/, or the newest run."""
        words = shlex.split(line)
        if not words or words[0] not in _ACTIONS or len(words) > (3 if words[0] == "export" else 2):
            raise UsageError(_USAGE)
        run = _find(words[1] if len(words) > 1 else None)
        if words[0] == "watch":
            return TrainingView(run)
        if words[0] == "export":
            path = Path(words[2]) if len(words) > 2 else run.path / "report.html"
            print(TrainingView(run).export_html(path))
        else:
            run.send(words[0])  # type: ignore[arg-type]  # one of the commands, checked above
            print(f"asked {run.name} to {words[0]}; it answers between two steps")
        return None

    @cell_magic
    def rltf_feedback(self, line: str, cell: str) -> SampleView:
        """Run `%%rltf_feedback PROBLEM`, which judges the cell's code on a problem from a variable or a JSON file."""
        words = shlex.split(line)
        if len(words) != 1:
            raise UsageError("usage: %%rltf_feedback PROBLEM   (a variable with a problem, or a PROBLEM.json)")
        assert self.shell is not None
        problem: Any = self.shell.user_ns.get(words[0], words[0])
        try:
            known = as_problem(problem)
        except FileNotFoundError:
            raise UsageError(f"%%rltf_feedback: {words[0]}: there is no variable and no file of that name") from None
        except (ProblemError, OSError, ValueError, TypeError) as error:
            raise UsageError(f"%%rltf_feedback: {words[0]}: {error}") from None
        return SampleView(assess_program(cell, known), problem=known)


def _find(name: str | None) -> Run:
    if name is None:
        runs = runs_in("runs")
        if not runs:
            raise UsageError("%rltf: no runs in runs/; name a run's directory")
        return runs[-1]
    try:
        return watch(name if (Path(name) / "config.toml").exists() else Path("runs") / name)
    except RunError as error:
        raise UsageError(f"%rltf: {error}") from None
