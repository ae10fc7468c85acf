"""Evaluate a model: pass rates, estimates with intervals, comparisons with other results and with the paper's rows.

The training loop uses `rates`. `rltf eval` uses `plan` and `results`. `grid` trains and compares many runs.
"""
