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

    def bundle(self, html: str) -> dict[str, Any]:
        """What a notebook is given to show: the widget and, for readers without it, the same as `html`."""
        bundle = super()._repr_mimebundle_()
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        return {**data, "text/html": html, "text/plain": repr(self)}
