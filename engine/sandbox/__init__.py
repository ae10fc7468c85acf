"""Where programs run: worker processes, what they may do, and what comes back.

The modules `zygote`, `child`, `program`, `referee`, `values`, `failures`, `lines`, `wire`, `seccomp`, `landlock`,
`namespaces` and `privileges` run in the worker process (or are shared with it), import nothing but the standard
library and hold no expected output. `worker` and `isolation` run in the supervisor.

What this package does not do: compare outputs or decide verdicts (`engine.judge` does, outside the sandbox).
"""
