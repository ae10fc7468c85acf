"""The two widgets: `TrainingView` of a run, live or finished, and `SampleView` of one program's feedback.

What this module does not do: draw (the script of `training.page` does), train, or follow a run (`monitor`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import display

from engine import Problem
from feedback import Feedback, to_json
from notebook_ext.assessment import Counterfactuals, assess_program
from notebook_ext.frozen import frozen_run, frozen_sample
from notebook_ext.monitor import ENDED, Monitor
from training import ConfigError, Run, watch
from training.data import DataError, LoadReport, load_problems
from training.page import STYLE, build_page, build_sample_page, compact, run_table, view_script
from training.tokenization import Tokenization, TokenizerError


class _View(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget has no types
    """What both widgets share: the script, the stylesheet, and plain data to begin with."""

    _esm = view_script()
    _css = STYLE
    data = traitlets.Dict().tag(sync=True)
    """What the view's script is given: small and fixed; everything else is sent on request."""

    def _bundle(self, html: str) -> dict[str, Any]:
        """The widget and, for readers without it, the same as `html`."""
        bundle = super()._repr_mimebundle_()
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        return {**data, "text/html": html, "text/plain": repr(self)}


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

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return self._bundle(frozen_sample(self.record))

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

    def __init__(self, run: Run | str | Path, *, freeze: bool = True) -> None:
        self.run = run if isinstance(run, Run) else watch(run)
        super().__init__(data={"name": self.run.name})
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
        if self._freeze_at_end:
            self.freeze()

    def _ipython_display_(self) -> None:
        if self._freeze_at_end and self.run.state.get("state") in ENDED:
            _show({"text/html": frozen_run(self.run), "text/plain": repr(self)})
        else:
            self._monitor.start()
            self._outputs.append(_show(self._bundle(run_table(self.run))))

    def __repr__(self) -> str:
        state = self.run.state
        return f"TrainingView({self.run.name!r}, {state.get('state')}, step {state.get('step', 0)})"


def _show(bundle: Mapping[str, Any]) -> Any:  # noqa: ANN401 - IPython's handle, untyped
    """Display in the running cell; returns the handle that can put something else there later."""
    return display(dict(bundle), raw=True, display_id=True)  # type: ignore[no-untyped-call]
