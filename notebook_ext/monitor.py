"""Follow a run for the views that watch it, in a thread that reads the store, sends news and answers requests.

It knows neither ipywidgets nor a kernel, but is given a `send` function and messages. It reaches a trainer only through
`Run.send`.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from training import Run, RunError
from training.page import compact, metric_rows, newest_summaries, notes_by_seq, run_about, sample_summaries
from training.run import Command, runs_in

Message = dict[str, Any]

INTERVAL = 0.25
"""Seconds between two reads of the store, and between two batches of news to one view."""
CATCHING_UP = 0.02
"""Seconds between two batches to a view that is far behind."""
LONGEST = 30.0
"""Maximum seconds between two snapshots for a view that has been silent for long, because nobody may be looking."""
HEARTBEAT = 5.0
"""Seconds between two signs of life to a view that has no news, or that does not answer."""
GREETING = 1.0
"""Seconds between two snapshots while no view has said hello. A busy kernel hears none, and can still be watched."""
SNAPSHOT_SAMPLES = 50
SNAPSHOT_METRICS = 2000
"""Number of rows in a snapshot."""
MOST_SAMPLES = 5000
"""Number of summaries in one batch. A view that is far behind catches up over several."""
MOST_UNANSWERED = 8
"""Unanswered batches after which a view gets snapshots only, because closed pages must not fill the server's memory."""
ENDED = frozenset({"finished", "stopped", "failed"})
"""States after which a run does not change any more."""
COMMANDS: tuple[Command, ...] = ("pause", "resume", "stop")


@dataclass(slots=True)
class _Viewer:
    """One page that shows the run."""

    name: str
    seq: int = 0
    """The newest row that it was sent."""
    sent: int = 0
    answered: int = 0
    last_sent: float = float("-inf")
    last_heard: float = 0.0
    told: Message = field(default_factory=dict)
    """The state that it was last sent."""
    caught_up: object = None
    """The store's stamp when nothing in it was new to this view."""


class Monitor:
    """Serves any number of views of one run from one daemon thread.

    Views say `hello` with the newest row they have and are sent the rest. A page that was reloaded, or that lost its
    connection, is therefore complete after its next hello.
    """

    def __init__(
        self,
        run: Run,
        send: Callable[[Message], None],
        *,
        on_end: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._send = send
        self._on_end = on_end
        self._clock = clock
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._viewers = {"": _Viewer("", last_heard=clock())}  # to whoever listens, until somebody says hello
        self._events_seen = self._answered = 0
        self._state: Message = {}
        self._stamp: object = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to follow the run. Further calls do nothing."""
        if self._thread is None:
            # What a thread sends carries the request it belongs to, and ipykernel sends a page's answers to where that
            # came from. A thread without a context belongs to whatever came last, such as a subshell that is closed
            # already, and then a page's clicks are lost; so it gets the context of the cell that shows the view.
            context = contextvars.copy_context()
            name = f"rltf-monitor-{self._run.name}"
            self._thread = threading.Thread(target=context.run, args=(self._serve,), name=name, daemon=True)
            self._thread.start()

    def receive(self, message: Message) -> None:
        """Take a view's message from any thread. The monitor's own thread answers it."""
        self._inbox.put(message)

    def close(self) -> None:
        """End the thread. Views are sent nothing more."""
        self._inbox.put(None)
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _serve(self) -> None:
        ended = False
        due = self._clock()
        while True:
            try:
                message = self._inbox.get(timeout=max(0.0, due - self._clock()))
            except queue.Empty:
                state = self._look()
                due = self._clock() + (CATCHING_UP if self._behind() else INTERVAL)
                if state in ENDED and not ended:
                    ended = True
                    self._on_end()
                continue
            if message is None:
                return
            self.answer(message)

    def _behind(self) -> bool:
        """Say whether a view that answers lacks existing rows."""
        return any(
            viewer.name and viewer.caught_up != self._stamp and viewer.sent - viewer.answered < MOST_UNANSWERED
            for viewer in self._viewers.values()
        )

    def _look(self) -> str:
        try:
            return str(self.tick().get("state"))
        except (OSError, ValueError) as error:  # damaged, or taken away: the next look may find it whole again
            return self._unreadable(str(error))

    def _unreadable(self, failure: str) -> str:
        """Tell every view that the run cannot be read, and why. Returns the state that they show."""
        self._stamp = None
        self._state = {"name": self._run.name, **self._state, "state": "unreadable", "failure": failure}
        for viewer in self._viewers.values():
            if viewer.told != self._state:
                self._post(viewer, {})
        return "unreadable"

    def answer(self, message: Message) -> None:
        """Act on one message of a view. A malformed message is dropped, so a broken page ends nothing."""
        try:
            self._act(message.get("kind"), str(message.get("view")), message)
        except (KeyError, TypeError, ValueError):
            return

    def _act(self, kind: object, viewer: str, message: Message) -> None:
        if kind == "hello":
            self._viewers.pop("", None)
            self._viewers[viewer] = _Viewer(viewer, seq=int(message["seq"]), last_heard=self._clock())
            self._send({"kind": "about", "to": viewer, **self._about()})
        elif kind == "ack" and viewer in self._viewers:
            self._viewers[viewer].answered = int(message["batch"])
            self._viewers[viewer].last_heard = self._clock()
        elif kind == "record":
            seq = int(message["seq"])
            self._send({"kind": "record", "to": viewer, "seq": seq, **self._record(seq)})
        elif kind == "search":
            text = str(message["text"])
            self._send({"kind": "found", "to": viewer, "text": text, "seqs": self._containing(text)})
        elif kind == "note":
            self._send({"kind": "noted", "to": viewer, "seq": message["seq"], **self._noted(message)})
        elif kind == "held_out":
            self._send({"kind": "held_out", "to": viewer, "samples": self._run.held_out()})
        elif kind == "beside":
            self._send({"kind": "beside", "to": viewer, "name": message["name"], **self._beside(str(message["name"]))})
        elif kind == "command" and message["command"] in COMMANDS:
            identifier = self._run.send(message["command"])
            self._send({"kind": "sent", "to": viewer, "command": message["command"], "id": identifier})

    def _record(self, seq: int) -> Message:
        try:
            return {"record": compact(self._run.record(seq))}
        except RunError as error:
            return {"failure": str(error)}

    def _about(self) -> Message:
        siblings = [run.name for run in runs_in(self._run.path.parent) if run.name != self._run.name]
        return {
            "about": {**run_about(self._run), "path": str(self._run.path)},
            "siblings": siblings,
            "notes": notes_by_seq(self._run),
        }

    def _noted(self, message: Message) -> Message:
        try:
            self._run.note(int(message["seq"]), str(message["text"]))
        except (RunError, OSError) as error:
            return {"failure": str(error)}
        return {"notes": notes_by_seq(self._run)}

    def _beside(self, name: str) -> Message:
        """Return curves and configuration of another run in the same folder."""
        for run in runs_in(self._run.path.parent):
            if run.name == name:
                return {"about": run_about(run), "metrics": metric_rows(run.metrics())}
        return {"failure": f"no run {name!r} beside this one"}

    def _containing(self, text: str) -> list[int]:
        """Find the samples whose program contains a text, ignoring case."""
        wanted = text.lower()
        return [row["seq"] for row in self._run.samples() if wanted in row["program"].lower()]

    def tick(self) -> Message:
        """Send every view its news. Returns the run's state."""
        stamp = (self._run.stamp(), self._clock() // HEARTBEAT)  # now and then look even where no file seems to change
        if stamp != self._stamp:
            self._state = {"name": self._run.name, **self._run.state, "answered": self._newest_answer()}
            self._stamp = stamp
        for viewer in self._viewers.values():
            self._update(viewer)
        return self._state

    def _newest_answer(self) -> int:
        """Return the id of the newest command that the trainer has answered. Later state events do not repeat it."""
        for event in self._run.events(after=self._events_seen):
            self._events_seen = event["seq"]
            if event["kind"] == "state":
                self._answered = max(self._answered, event["data"].get("id") or 0)
        return self._answered

    def _update(self, viewer: _Viewer) -> None:
        waited = self._clock() - viewer.last_sent
        if not viewer.name or viewer.sent - viewer.answered >= MOST_UNANSWERED:
            if waited < self._patience(viewer):
                return
            news = self._snapshot()
        else:
            news = {} if viewer.caught_up == self._stamp else self._news(viewer.seq)
            if len(news.get("samples", ())) < MOST_SAMPLES:
                viewer.caught_up = self._stamp
            if not news and self._state == viewer.told and waited < HEARTBEAT:
                return
        self._post(viewer, news)

    def _post(self, viewer: _Viewer, news: Message) -> None:
        viewer.seq = news.pop("seq", viewer.seq)
        viewer.sent += 1
        viewer.last_sent, viewer.told = self._clock(), self._state
        message = {"kind": "batch", "to": viewer.name, "batch": viewer.sent, "heard": viewer.answered}
        self._send({**message, "run": self._state, **news})

    def _patience(self, viewer: _Viewer) -> float:
        """Return the seconds between two snapshots for a view that does not answer, which grow with its silence."""
        silent = self._clock() - viewer.last_heard
        return min(LONGEST, max(HEARTBEAT if viewer.name else GREETING, silent / 50))

    def _snapshot(self) -> Message:
        """Return the newest rows for a view that may be gone or cannot ask. Nothing counts as sent."""
        metrics = self._run.metrics()[-SNAPSHOT_METRICS:]
        samples = newest_summaries(self._run, SNAPSHOT_SAMPLES)
        newest = [samples[-1]["seq"]] if samples else []
        records = [{"seq": seq, **self._record(seq)} for seq in newest]
        return {"samples": samples, "metrics": metric_rows(metrics), "records": records}

    def _news(self, after: int) -> Message:
        samples = sample_summaries(self._run, after=after, limit=MOST_SAMPLES)
        bound = samples[-1]["seq"] if len(samples) == MOST_SAMPLES else float("inf")
        metrics = [row for row in self._run.metrics(after=after) if row["seq"] <= bound]
        if not samples and not metrics:
            return {}
        newest = max(row["seq"] for row in (*samples[-1:], *metrics[-1:]))
        return {"seq": newest, "samples": samples, "metrics": metric_rows(metrics)}
