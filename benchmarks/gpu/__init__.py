"""Proof on a GPU in one command: `python -m benchmarks.gpu [STAGE ...]`, or all stages tiny on a CPU with `--rehearse`.

A stage is a function of a `Bench`. Each writes its table and its log as it goes, so that a machine which is taken away
leaves what was measured until then. docs/gpu.md says how to spend half an hour on a bare machine.
"""
