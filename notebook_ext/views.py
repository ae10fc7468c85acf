"""The widgets: `TrainingView` of a run, `LoopView` of one's own loop, `SampleView` of one program's feedback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from IPython.display import display
from tokenizers import Tokenizer

from engine import Problem
from feedback import Feedback, RewardSettings, to_json
from notebook_ext.assessment import Counterfactuals, assess_program
from notebook_ext.frozen import folded, frozen_run, frozen_sample
from notebook_ext.monitor import ENDED, Monitor
from training import ConfigError, Run, watch
from training.data import DataError, LoadReport, load_problems
from training.models.tokenization import Tokenization, TokenizerError
from training.page import build_page, build_sample_page, compact, record_line, record_table, run_line, run_table
from training.run.recorder import Exist, Recorder, Scored, scored_record

if TYPE_CHECKING:
    from notebook_ext.still import StillView as _View
else:
    try:
        from notebook_ext.widget import WidgetView as _View
    except ImportError:  # no anywidget, or no ipywidgets
        from notebook_ext.still import StillView as _View


KEEP_FIRST = 10.0
"""Seconds before the run as it is then is kept in the notebook for the first time."""
KEEP_EVERY = 120.0
"""Maximum number of seconds between two times. They grow up to it: a young run changes most."""
KEEP_SHARE = 30.0
"""Between two times lies at least so many times what one takes: a thirtieth of a core at most."""


class SampleView(_View):
    """One program's feedback: code, error spans and the reward of every token. No run needed.

    Args:
        record: A `Feedback`, a `Scored` (with token ids, log-probabilities, advantages), a line of `rltf feedback`, or
            a sample's record (`Run.record`).
        problem: With it the program can be edited in the view, and is judged anew as you type. A `Scored` has one.
        settings: The rewards that the feedback was made with; an edited program is judged with them too.
        tokenizer: Cuts what is edited, a `tokenizers.Tokenizer` or a fast one of transformers; words without it. What
            is not edited keeps its tokens.
    """

    def __init__(
        self,
        record: Feedback | Scored | Mapping[str, Any],
        *,
        problem: Problem | None = None,
        settings: RewardSettings | None = None,
        tokenizer: object = None,
    ) -> None:
        self.record = _as_record(record)
        self.problem = problem or (record.problem if isinstance(record, Scored) else None)
        self._settings = settings
        self._tokenization = None if tokenizer is None else _tokenization(tokenizer)
        super().__init__(data={"record": compact(self.record), "editable": self.problem is not None})
        self._counterfactuals = Counterfactuals(self.send, self._assess_edited)
        self.on_msg(self._on_message)

    def _on_message(self, _: object, content: Mapping[str, Any], __: object) -> None:
        if content.get("kind") == "edit":
            self._counterfactuals.receive(content)

    def _assess_edited(self, _: str, program: str, __: int | None) -> dict[str, Any] | None:
        if self.problem is None:
            return None
        settings, tokenization = self._settings, self._tokenization
        return assess_program(program, self.problem, settings=settings, tokenization=tokenization, sampled=self.record)

    def export_html(self, path: str | Path) -> Path:
        """Write the view as a page of its own. Returns its path."""
        path = Path(path)
        path.write_text(build_sample_page(self.record), encoding="utf-8")
        return path

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.bundle(frozen_sample(self.record))

    def _ipython_display_(self) -> None:
        if self.live:
            show(*self.bundle(record_table(self.record)))
            show({"text/html": folded(record_line(self.record), frozen_sample(self.record)), "text/plain": repr(self)})
        else:
            show(*self.bundle(frozen_sample(self.record)))

    def __repr__(self) -> str:
        return f"SampleView({self.record.get('problem_id') or self.record.get('id')!r}, {self.record.get('verdict')})"


def _as_record(record: Feedback | Scored | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(record, Scored):
        return scored_record(record)
    if isinstance(record, Feedback):
        return {**to_json(record, None), "program": record.report.program.decode(errors="replace")}
    return dict(record)


def _tokenization(tokenizer: object) -> Tokenization:
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not isinstance(backend, Tokenizer):
        raise TypeError(f"tokenizer: a tokenizers.Tokenizer or a fast tokenizer of transformers, not {type(tokenizer)}")
    return Tokenization(backend, "of this view")


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
        self._closed = threading.Event()
        self._outputs: list[tuple[Any, Any]] = []  # the view, and below it what is kept for when no kernel is there
        self._keeping = threading.Lock()  # nothing is kept any more once the view itself is static
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

    def _assess_edited(self, problem_id: str, program: str, seq: int | None) -> dict[str, Any] | None:
        problem = self._problems.get(problem_id)
        if problem is None:
            return None
        sampled = None if seq is None else self.run.record(seq)
        settings, tokenization = self.run.config.feedback, self._tokenization()
        return assess_program(program, problem, settings=settings, tokenization=tokenization, sampled=sampled)

    @cached_property
    def _problems(self) -> dict[str, Problem]:
        try:
            problems = load_problems(self.run.config.data.train, report=LoadReport())  # the run has shown it
            return {problem.id: problem for problem in problems}
        except (DataError, ConfigError):  # the data the run was trained on is not on this machine
            return {}

    def _tokenization(self) -> Tokenization | None:
        """Load the newest checkpoint's tokenizer. There is none before the first checkpoint."""
        checkpoints = sorted((self.run.path / "checkpoints").glob("step-*/tokenizer.json"))
        try:
            return Tokenization.load(str(checkpoints[-1])) if checkpoints else None
        except TokenizerError:
            return None

    def freeze(self) -> None:
        """Replace every output of this view by its static form as the run is now."""
        html = frozen_run(self.run)
        for shown, kept in self._outputs:
            shown.update({"text/html": html, "text/plain": repr(self)}, raw=True)
            if kept is not None:
                with self._keeping:
                    kept.update({"text/html": "", "text/plain": ""}, raw=True)
        self.frozen = True

    def export_html(self, path: str | Path) -> Path:
        """Write the run as a page of its own, as `rltf report` does. Returns its path."""
        path = Path(path)
        path.write_text(build_page(self.run), encoding="utf-8")
        return path

    def close(self) -> None:
        """Stop following the run."""
        self._closed.set()
        self._monitor.close()
        super().close()

    def _ended(self) -> None:
        self._closed.set()
        if self._freeze_at_end:
            self._in_thread(self.freeze)

    def _in_thread(self, act: Callable[[], None]) -> None:
        # a thread without a cell's context: nbclient heeds the running cell's outputs only
        threading.Thread(target=act, name=f"rltf-output-{self.run.name}", daemon=True).start()

    def _keep(self, kept: Any) -> None:  # noqa: ANN401 - IPython's handle, untyped
        """Keep the run's present state in the notebook. A saved notebook shows it without a kernel."""
        pause = KEEP_FIRST
        while not self._closed.wait(pause):
            began = time.monotonic()
            try:
                html = folded(run_line(self.run), frozen_run(self.run))
            except (OSError, ValueError):  # it cannot be read just now: the view says why
                continue
            with self._keeping:
                if not self._closed.is_set():
                    kept.update({"text/html": html, "text/plain": repr(self)}, raw=True)
            pause = next_pause(pause, time.monotonic() - began)

    def _ipython_display_(self) -> None:
        if self._freeze_at_end and self.run.state.get("state") in ENDED:
            show({"text/html": frozen_run(self.run), "text/plain": repr(self)})
            return
        if not self.live:
            self._monitor.start()
            self._outputs.append((show(*self.bundle(frozen_run(self.run))), None))
            return
        shown = show(*self.bundle(run_table(self.run)))
        kept = show({"text/html": folded(run_line(self.run), run_table(self.run)), "text/plain": repr(self)})
        self._outputs.append((shown, kept))
        self._monitor.start()
        self._in_thread(lambda: self._keep(kept))

    def __repr__(self) -> str:
        state = self.run.state
        return f"TrainingView({self.run.name!r}, {state.get('state')}, step {state.get('step', 0)})"


class LoopView(TrainingView):
    """A view of one's own training loop, which runs in this kernel and pushes its steps.

        with LoopView("runs/mine", steps=100) as view:
            for step in range(1, 101):
                ...
                if not view.push(step, samples, {"loss": loss}):
                    break

    The steps go into a run directory, so that everything that shows runs shows this one, now and later. While the cell
    runs, the view shows what is pushed and says that clicks wait for the kernel; Interrupt stops the loop.

    Args:
        folder: The run's directory.
        steps: How many steps there will be, if that is known.
        freeze: Whether to replace the output by its static form when the loop ends.
        exist: What to do if there is a run in the folder already: `error`, `new` (the next free name, such as `mine-2`;
            `view.run.path` says which) or `replace`. A notebook that is run twice wants one of the latter.

    Raises:
        RunError: there is a run in the folder already, and `exist` is `error`.
    """

    in_this_kernel = True

    def __init__(
        self, folder: str | Path, *, steps: int | None = None, freeze: bool = True, exist: Exist = "error"
    ) -> None:
        self._recorder = Recorder(folder, steps=steps, exist=exist)
        super().__init__(self._recorder.run, freeze=freeze)

    def push(self, step: int, samples: Sequence[Scored] = (), metrics: Mapping[str, float] | None = None) -> bool:
        """Push one step (`training.Recorder.push`). Returns whether to go on: False after a request to stop."""
        return self._recorder.push(step, samples, metrics)

    def __enter__(self) -> LoopView:
        self._recorder.__enter__()
        self._ipython_display_()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.__exit__(kind, error, trace)


def next_pause(pause: float, took: float) -> float:
    """Return the seconds until a run is kept again, from the last pause and the seconds that keeping it took."""
    return max(min(2 * pause, KEEP_EVERY), KEEP_SHARE * took)


def show(data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - IPython's handle, untyped
    """Display in the running cell. Returns the handle that can replace the output later."""
    return display(dict(data), metadata=dict(metadata or {}), raw=True, display_id=True)  # type: ignore[no-untyped-call]
