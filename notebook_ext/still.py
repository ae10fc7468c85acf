"""Replace the widget where ipywidgets or anywidget is missing, with the same calls and a static page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

HINT = (
    "A still picture: the live view needs anywidget and ipywidgets (pip install 'rltf[notebook]', "
    "then restart the kernel)."
)


class StillView:
    """A view with the widget's interface that shows static HTML only."""

    live = False

    def __init__(self, *, data: Mapping[str, Any]) -> None:
        self.data = dict(data)

    def send(self, content: Mapping[str, Any]) -> None:
        """Discard a message, because no page listens."""

    def on_msg(self, callback: Callable[..., None]) -> None:
        """Ignore a callback, because no page sends messages."""

    def close(self) -> None:
        """Do nothing, because nothing is open."""

    def bundle(self, html: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return data and metadata for a notebook: `html`, under one line that says what is missing."""
        return {"text/html": f"<p>{HINT}</p>{html}", "text/plain": f"{self!r}\n{HINT}"}, {}
