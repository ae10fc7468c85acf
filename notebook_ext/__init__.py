"""The Jupyter extension: live view, single-sample view, static HTML, magics.

What this package does not do: train, judge, or draw in Python; one script (`training.page`) draws every view.
"""

from notebook_ext.views import SampleView, TrainingView

__all__ = ["SampleView", "TrainingView"]
