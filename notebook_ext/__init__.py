"""The Jupyter extension, with a live view, a single-sample view, static HTML and magics.

`%load_ext notebook_ext` adds `%rltf` and `%%rltf_feedback`. One script (`training.page`) draws every view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_ext.views import LoopView, SampleView, TrainingView

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["LoopView", "SampleView", "TrainingView", "load_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics. `%load_ext notebook_ext` calls this."""
    from notebook_ext.magics import RltfMagics

    shell.register_magics(RltfMagics)
