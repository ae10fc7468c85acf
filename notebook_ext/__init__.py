"""The Jupyter extension: live view, single-sample view, static HTML, magics."""
