"""Where programs run: worker processes, what they may do, and what comes back.

`worker` and `isolation` run in the supervisor. All other modules run in the worker process (or are shared with it),
import nothing but the standard library and hold no expected output; `referee` alone holds tests, and runs no program.

What this package does not do: compare outputs or decide verdicts (`engine.judge` does, outside the sandbox).
"""
