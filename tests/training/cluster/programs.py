"""Programs of every outcome, as a policy would have written them, and scorers for them."""

from __future__ import annotations

import contextlib
import time

import psutil

from engine import CallTest, Problem, StdinTest, Verdict, parse_problem
from feedback import FinishReason
from training.config import TrainConfig
from training.judging.scoring import open_scorer
from training.models.tokens import encode_continuation
from training.records import Rollout

ECHO = Problem("echo", (StdinTest("1", "1"), StdinTest("2", "2")), references=("print(input())",))
CALLS = Problem("calls", (CallTest((2, [1]), (2, [1])), CallTest((10**30, []), (10**30, []))), entry_point="f")
ASSERTS = parse_problem({"test_list": ["assert g(1) == 2", "assert g({1: (2,)}) == {3}"]}, "asserts")
MIXED = [
    ("print(input())", ECHO, Verdict.PASSED),
    ("print(1)", ECHO, Verdict.FAILED),
    ("n = int(input())\nif n == 2:\n    n = undefined\nprint(n)", ECHO, Verdict.ERROR),
    ("def f(:", ECHO, Verdict.ERROR),
    ("raise ValueError('\\ud800 \\x00')", ECHO, Verdict.ERROR),
    ("while True: pass", ECHO, Verdict.ERROR),
    ("print('\\ud7ff' * 10 ** 7)", ECHO, Verdict.ERROR),
    ("def f(a, b):\n    return a, b", CALLS, Verdict.PASSED),
    ("def f(a, b):\n    return [a, b][5]", CALLS, Verdict.ERROR),
    ("def g(x):\n    return 2 if x == 1 else {3}", ASSERTS, Verdict.PASSED),
    ("def g(x):\n    import os\n    return os.getcwd(x)", ASSERTS, Verdict.ERROR),
]
SETTINGS = {"engine.time_limit": 0.5, "feedback.ray_workers": 2}


def opened(backend, policy, tell=lambda _: None, **changes):
    changes = {name.replace("__", "."): value for name, value in changes.items()}
    return open_scorer(TrainConfig.load(overrides={"feedback.backend": backend, **SETTINGS, **changes}), policy, tell)


def rollout(policy, program, problem, reason=FinishReason.STOP):
    ids = (*encode_continuation(policy.tokenizer, policy.bytes_of, program), policy.tokenizer.eos_token_id)
    return Rollout(problem.id, 0, (1,), ids, (-1.0,) * len(ids), reason, 0)


def workers(cluster, doing=""):
    """The cluster's processes that have an engine; their title is that of the method that runs, if one does."""
    found = []
    for process in cluster.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # gone, or a zombie
            found += [process] if "".join(process.cmdline()).startswith(f"ray::RayWorker{doing}") else []
    return found


def wait_for(condition):
    while not condition():
        time.sleep(0.05)
