"""The widgets: `TrainingView` of a run, `LoopView` of a loop of one's own, `SampleView` of one program's feedback.

What this module does not do: draw (the script of `training.page` does), train, or follow a run (`monitor`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from IPython.display import display

from engine import Problem
from feedback import Feedback, to_json
from notebook_ext.assessment import Counterfactuals, assess_program
from notebook_ext.frozen import frozen_run, frozen_sample
from notebook_ext.monitor import ENDED, Monitor
from training import ConfigError, Run, watch
from training.data import DataError, LoadReport, load_problems
from training.models.tokenization import Tokenization, TokenizerError
from training.page import build_page, build_sample_page, compact, run_table
from training.run.recorder import Recorder, Scored

if TYPE_CHECKING:
    from notebook_ext.still import StillView as _View
else:
    try:
        from notebook_ext.widget import WidgetView as _View
    except ImportError:  # no anywidget, or no ipywidgets
        from notebook_ext.still import StillView as _View


class SampleView(_View):
    """One program's feedback: code, error spans and the reward of every token. No run needed.

    Args:
        record: A `Feedback`, a line of `rltf feedback`, or a sample's record (`Run.record`).
        problem: With it the program can be edited in the view, and is judged anew as you type.
    """

    def __init__(self, record: Feedback | Mapping[str, Any], *, problem: Problem | None = None) -> None:
        self.record = _as_record(record)
        self.problem = problem
        super().__init__(data={"record": compact(self.record), "editable": problem is not None})
        self._counterfactuals = Counterfactuals(self.send, self._assess_edited)
        self.on_msg(self._on_message)

    def _on_message(self, _: object, content: Mapping[str, Any], __: object) -> None:
        if content.get("kind") == "edit":
            self._counterfactuals.receive(content)

    def _assess_edited(self, _: str, program: str) -> dict[str, Any] | None:
        return None if self.problem is None else assess_program(program, self.problem)

    def export_html(self, path: str | Path) -> Path:
        """Write the view as a page of its own; returns its path."""
        path = Path(path)
        path.write_text(build_sample_page(self.record), encoding="utf-8")
        return path

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.bundle(frozen_sample(self.record))

    def __repr__(self) -> str:
        return f"SampleView({self.record.get('problem_id') or self.record.get('id')!r}, {self.record.get('verdict')})"


def _as_record(record: Feedback | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(record, Feedback):
        return {**to_json(record, None), "program": record.report.program.decode(errors="replace")}
    return dict(record)


class TrainingView(_View):
    """A run while it trains, or after: curves, samples, token rewards, and Pause, Resume and Stop.

    Shown as a cell's result (or by `display`) it stays live while the run goes on and the kernel lives; when the run
    ends, the cell's output becomes a static page that works without a kernel.

    Args:
        run: A run (`training.launch`, `training.watch`) or its directory.
        freeze: Whether to replace the output by its static form when the run ends.
    """

    in_this_kernel = False
    """Whether the run is a loop in this very kernel, which then hears no clicks before its cell has ended."""

    def __init__(self, run: Run | str | Path, *, freeze: bool = True) -> None:
        self.run = run if isinstance(run, Run) else watch(run)
        super().__init__(data={"name": self.run.name, "loop": self.in_this_kernel})
        self._freeze_at_end = freeze
        self._outputs: list[Any] = []
        self.frozen = False
        """Whether the outputs have been replaced by their static form."""
        self._counterfactuals = Counterfactuals(self.send, self._assess_edited)
        self._monitor = Monitor(self.run, self.send, on_end=self._ended)
        self.on_msg(self._on_message)

    def _on_message(self, _: object, content: Mapping[str, Any], __: object) -> None:
        if content.get("kind") == "edit":  # may be any thread: both answer in their own
            self._counterfactuals.receive(content)
        else:
            self._monitor.receive(dict(content))

    def _assess_edited(self, problem_id: str, program: str) -> dict[str, Any] | None:
        problem = self._problems.get(problem_id)
        if problem is None:
            return None
        return assess_program(program, problem, settings=self.run.config.feedback, tokenization=self._tokenization)

    @cached_property
    def _problems(self) -> dict[str, Problem]:
        try:
            problems = load_problems(self.run.config.data.train, report=LoadReport())  # the run has shown it
            return {problem.id: problem for problem in problems}
        except (DataError, ConfigError):  # the data the run was trained on is not on this machine
            return {}

    @cached_property
    def _tokenization(self) -> Tokenization | None:
        checkpoints = sorted((self.run.path / "checkpoints").glob("step-*/tokenizer.json"))
        try:
            return Tokenization.load(str(checkpoints[-1])) if checkpoints else None
        except TokenizerError:
            return None

    def freeze(self) -> None:
        """Replace every output of this view by its static form as the run is now."""
        html = frozen_run(self.run)
        for output in self._outputs:
            output.update({"text/html": html, "text/plain": repr(self)}, raw=True)
        self.frozen = True

    def export_html(self, path: str | Path) -> Path:
        """Write the run as a page of its own, the same as `rltf report`; returns its path."""
        path = Path(path)
        path.write_text(build_page(self.run), encoding="utf-8")
        return path

    def close(self) -> None:
        """Stop following the run."""
        self._monitor.close()
        super().close()

    def _ended(self) -> None:
        if self._freeze_at_end:  # in a thread without a cell's context: nbclient heeds the running cell's outputs only
            threading.Thread(target=self.freeze, name=f"rltf-freeze-{self.run.name}", daemon=True).start()

    def _ipython_display_(self) -> None:
        if self._freeze_at_end and self.run.state.get("state") in ENDED:
            _show({"text/html": frozen_run(self.run), "text/plain": repr(self)})
        else:
            self._monitor.start()
            self._outputs.append(_show(*self.bundle(run_table(self.run) if self.live else frozen_run(self.run))))

    def __repr__(self) -> str:
        state = self.run.state
        return f"TrainingView({self.run.name!r}, {state.get('state')}, step {state.get('step', 0)})"


class LoopView(TrainingView):
    """The view of a training loop of one's own that runs in this kernel and pushes its steps.

        with LoopView("runs/mine", steps=100) as view:
            for step in range(1, 101):
                ...
                if not view.push(step, samples, {"loss": loss}):
                    break

    The steps go into a run directory, so that everything that shows runs shows this one, now and later. While the cell
    runs, the view shows what is pushed and says that clicks wait for the kernel; Interrupt stops the loop.

    Args:
        folder: The run's directory; there must be no run in it yet.
        steps: How many steps there will be, if that is known.
        freeze: Whether to replace the output by its static form when the loop ends.

    Raises:
        RunError: there is a run in the folder already.
    """

    in_this_kernel = True

    def __init__(self, folder: str | Path, *, steps: int | None = None, freeze: bool = True) -> None:
        self._recorder = Recorder(folder, steps=steps)
        super().__init__(self._recorder.run, freeze=freeze)

    def push(self, step: int, samples: Sequence[Scored] = (), metrics: Mapping[str, float] | None = None) -> bool:
        """One step: `training.Recorder.push`. Returns whether to go on; False once somebody has asked for a stop."""
        return self._recorder.push(step, samples, metrics)

    def __enter__(self) -> LoopView:
        self._recorder.__enter__()
        self._ipython_display_()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.__exit__(kind, error, trace)


def _show(data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - IPython's handle, untyped
    """Display in the running cell; returns the handle that can put something else there later."""
    return display(dict(data), metadata=dict(metadata or {}), raw=True, display_id=True)  # type: ignore[no-untyped-call]
