"""Algorithms with the parts that a test gives them."""

from __future__ import annotations

from concurrent.futures import Future

from engine import Problem, Similarity, StdinTest
from feedback import RewardSettings
from training.algorithms import Parts, algorithm_class
from training.ranks import ALONE
from training.records import SampleRequest
from training.sections import CriticSection


def compared(syntax=0.0, dataflow=0.0):
    """A comparison with references whose outcome is given."""

    def compare(program, references):
        future: Future[Similarity] = Future()
        future.set_result(Similarity(syntax, dataflow))
        return future

    return compare


def section(name="rltf", **keys):
    return algorithm_class(name).Section(algorithm=name, **keys)


def algorithm(name="rltf", *, keys=None, **parts):
    given = {
        "policy": None,
        "problems": {"p": Problem("p", (StdinTest("", ""),), references=("print(1)",))},
        "prompt": lambda problem: (5, 6),
        "taught": {"p": ("print(1)",)},
        "request": lambda identifier, step: SampleRequest(identifier, (5, 6), 2, (0, step)),
        "compare": compared(),
        "ranks": ALONE,
        "seed": 0,
        "longest": 64,
        "supervised_batch": 2,
        "batch_size": 128,
        "rewards": RewardSettings(),
        "critic": CriticSection(learning_rate=1e-3),
        "micro_batch_tokens": 4096,
        "gradient_clip": 1.0,
    }
    return algorithm_class(name)(section(name, **(keys or {})), Parts(**{**given, **parts}))
