"""What stands in for the widget where ipywidgets or anywidget is missing: the same calls, a still picture.

What this module does not do: draw (`notebook_ext.frozen`), or send anything anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

HINT = (
    "A still picture: the live view needs anywidget and ipywidgets (pip install 'rltf[notebook]', "
    "then restart the kernel)."
)


class StillView:
    """Takes what a widget takes; shows only what can be shown as HTML."""

    live = False

    def __init__(self, *, data: Mapping[str, Any]) -> None:
        self.data = dict(data)

    def send(self, content: Mapping[str, Any]) -> None:
        """Nobody listens."""

    def on_msg(self, callback: Callable[..., None]) -> None:
        """Nobody speaks."""

    def close(self) -> None:
        """Nothing is open."""

    def bundle(self, html: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a notebook is given to show, data and metadata: `html`, under one line that says what is missing."""
        return {"text/html": f"<p>{HINT}</p>{html}", "text/plain": f"{self!r}\n{HINT}"}, {}
