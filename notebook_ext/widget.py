"""The base of all widgets, with the script, the stylesheet and the initial data. It needs anywidget."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from training.page import STYLE, view_script


class WidgetView(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget has no types
    """One view. In Colab, anywidget itself enables third-party widgets."""

    live = True
    _esm = view_script()
    _css = STYLE
    data = traitlets.Dict().tag(sync=True)
    """The initial data of the view's script, small and fixed. Everything else is sent on request."""

    def bundle(self, html: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return data and metadata for a notebook: the widget, and `html` for readers without it."""
        data, metadata = super()._repr_mimebundle_()  # in Colab the metadata say where its widget manager is
        return {**data, "text/html": html, "text/plain": repr(self)}, metadata
