"""Before the first fork: what is imported, and a rehearsal that children profit from."""

from __future__ import annotations

import importlib
import marshal
import os
import site
import sys

from engine.sandbox import child, long_sleep, own_source, program, standard_paths
from engine.sandbox.failures import remember_program
from engine.sandbox.recorder import watch_descriptors
from engine.sandbox.wire import Task, pack_task

MODULES = (
    "array", "bisect", "collections", "copy", "ctypes", "functools", "heapq", "io", "itertools",
    "json", "math", "operator", "random", "re", "string", "threading", "typing",
)  # fmt: skip
"""Imported before the first fork, because programs import them; a program still has to import them itself."""
_REHEARSALS = 12
_SAMPLE = b"""
import sys
from collections import Counter, defaultdict
class A:
    def f(self, x): return [y for y in x if y]
n = 3
try:
    print(sum(map(int, input().split())), f"{n:.3f}", sorted({1: 2}.items(), key=lambda kv: -kv[1]))
    for i in range(n): n = A().f([i]) or max(n, 2)
except ValueError: pass
"""
"""Compiled and run once before the first fork: what this touches, no child has to build again."""


def warm_up() -> None:
    """Import and touch what most programs need, so that children share it."""
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    try:  # children are forked by one thread alone, and must not seed `random` anew: verdicts would depend on chance
        for name in MODULES:
            importlib.import_module(name)
    finally:
        os.register_at_fork = register
    sys.modules["random"].seed(program.SEED)
    site.setquit()
    site.setcopyright()
    site.sethelper()
    standard_paths.install()
    long_sleep.offer()


def rehearse() -> None:
    """Run a sample program as a child does, until the interpreter has settled on how to.

    What is allocated, specialised and filled in here, children share and need not copy. So it comes last, before the
    filter.
    """
    watch_descriptors()
    kept = [os.dup(descriptor) for descriptor in (0, 1, 3)]
    code = marshal.dumps(compile(_SAMPLE, "<program>", "exec"))
    for number in range(_REHEARSALS):
        compiled = code if number % 2 else b""
        content = pack_task(Task("stdin", _SAMPLE, "", "", "", ("1 2\n",) * 3, compiled, 1 << 20, ""))
        for descriptor in (0, 1, 3):
            file = os.memfd_create("rehearsal")
            os.dup2(file, descriptor)
            os.close(file)
        os.pwrite(0, content, 0)
        child.run_program(child.read_task())
        os.dup2(3, 4)
    remember_program()  # each child would free the sample's code, and its text
    own_source.show(b"")
    program.forget(b"class typing", "")
    program.reset()  # for the first test of every child: files of the same kind take the descriptors' places
    for source, descriptor in zip(kept, (0, 1, 3), strict=True):
        os.dup2(source, descriptor)
        os.close(source)
