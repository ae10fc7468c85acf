"""How good a model is: pass rates, estimates with intervals, comparisons, and the paper's rows to stand beside.

What this package does not do: reward or learn. `rates` is what the training loop uses, `plan` and `results` are
`rltf eval`.
"""
