"""What both widgets share: the script, the stylesheet, and plain data to begin with. Needs anywidget.

What this module does not do: anything of its own; `notebook_ext.still` stands in for it where anywidget is missing.
"""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from training.page import STYLE, view_script


class WidgetView(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget has no types
    """One view; in Colab, anywidget itself turns on what third-party widgets need there."""

    live = True
    _esm = view_script()
    _css = STYLE
    data = traitlets.Dict().tag(sync=True)
    """What the view's script is given: small and fixed; everything else is sent on request."""

    def bundle(self, html: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a notebook is given to show, data and metadata: the widget, and for readers without it `html`."""
        data, metadata = super()._repr_mimebundle_()  # in Colab the metadata say where its widget manager is
        return {**data, "text/html": html, "text/plain": repr(self)}, metadata
