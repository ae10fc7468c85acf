"""Run programs in worker processes that confine them.

`worker` and `isolation` run in the supervisor. All other modules run in the worker process or are shared with it. They
import nothing but the standard library and hold no expected output. Only `referee` holds tests, and it runs no program.
Outputs are compared outside the sandbox.
"""
