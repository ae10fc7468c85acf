"""Grids of training runs (`grid`) and what came of them (`tables`).

What this package does not do: train (each run is a process of its own).
"""
