"""What the cases of `benchmarks.engines` share: servers, runs, samples, and distances from a policy."""

from __future__ import annotations

import copy
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.engine_server import ENGINES, Engine, EngineServer
from training.models.batching import sequence_logprobs
from training.models.policy import Policy
from training.records import Drawing, Rollout, SampleRequest, WeightedSequence
from training.samplers.servers.pool import ServerPool
from training.samplers.servers.sampler import ServerSampler

STEPS = 10
_PLAIN = Drawing()
_SETTINGS = {
    "training.steps": STEPS,
    "optimizer.warmup_steps": 2,
    "run.threads": 1,
    "data.held_out_limit": 48,
    "evaluation.every": 0,
}


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cases share."""

    engine: Engine
    python: Path
    folder: Path
    tied: Path
    untied: Path

    def server(self, model: Path, *options: str, **settings: str) -> EngineServer:
        return EngineServer(self.engine, self.python, model, self.folder / "servers.log", *options, settings=settings)

    def served(self, model: Path, url: str) -> dict[str, object]:
        """Return the keys of a run on a server."""
        backend = next(name for name, engine in ENGINES.items() if engine is self.engine)
        return {"model__name": model, "sampler__backend": backend, "sampler__servers": url}

    def train(self, name: str, *words: str, **keys: object) -> tuple[int, str]:
        """Run `rltf train`. Returns its status and the last line that it wrote to stderr."""
        process = self.launch(name, *words, **keys)
        said = process.communicate()[1].strip().splitlines()
        return process.returncode, said[-1] if said else ""

    def launch(self, name: str, *words: str, **keys: object) -> subprocess.Popen[str]:
        given = {key.replace("__", "."): value for key, value in keys.items()}
        if "--resume" not in words:
            given = {**_SETTINGS, **given}
        options = [word for key, value in given.items() for word in (f"--{key}", str(value))]
        command = [sys.executable, "-m", "training", "train", "--run", name, "--run.folder", str(self.folder / "runs")]
        with (self.folder / f"{name}.out").open("ab") as out:
            return subprocess.Popen([*command, *options, *words], stdout=out, stderr=subprocess.PIPE, text=True)

    def metric(self, name: str, metric: str) -> dict[int, float]:
        with sqlite3.connect(self.folder / "runs" / name / "run.db") as store:
            return dict(store.execute("select step, value from metrics where name = ?", (metric,)).fetchall())

    def drawn(self, name: str, step: int) -> set[tuple[object, ...]]:
        """The samples of a step, by problem, index and program."""
        words = ", ".join(f"json_extract(record, '$.{key}')" for key in ("problem_id", "sample", "program"))
        with sqlite3.connect(self.folder / "runs" / name / "run.db") as store:
            return set(store.execute(f"select {words} from samples where step = ?", (step,)).fetchall())


@contextmanager
def sampling(bench: Bench, policy: Policy, url: str, longest: int = 48) -> Iterator[ServerSampler]:
    pool = ServerPool(bench.engine.api, [url], policy, bench.folder / "served", 64, 600, _PLAIN)
    try:
        yield ServerSampler(pool, policy, longest)
    finally:
        pool.close()


def moved(policy: Policy, by: float) -> None:
    """Change every trained weight by noise."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in policy.trained:
            parameter.add_(by * parameter.std() * torch.randn(parameter.shape, generator=generator))


def requests(policy: Policy, problems: int = 8, samples: int = 4, drawing: Drawing = _PLAIN) -> list[SampleRequest]:
    prompts = [f"return the sum of the first {number} numbers\n" for number in range(1, problems + 1)]
    ids = [tuple(policy.tokenizer(text)["input_ids"]) for text in prompts]
    return [SampleRequest(f"p{i}", each, samples, (0, 1, i), drawing=drawing) for i, each in enumerate(ids)]


def draw(sampler: ServerSampler, wanted: Sequence[SampleRequest]) -> dict[tuple[str, int], Rollout]:
    return {(each.problem_id, each.sample): each for batch in sampler.sample(wanted) for each in batch}


def begin(sampler: ServerSampler, wanted: Sequence[SampleRequest]) -> None:
    """Send requests, and return in the midst of them: when the first is answered."""
    sampler.ahead(wanted)
    while not any(each.done() for each in sampler._begun.values()):
        time.sleep(0.01)


def in_flight(sampler: ServerSampler) -> int:
    """Count the requests that servers work on. There must be some."""
    found = sum(len(each.flying) for each in sampler._servers._servers)
    assert found, "no request is in flight"
    return found


def away(policy: Policy, rollouts: Sequence[Rollout]) -> list[list[float]]:
    """Differences of log-probabilities from the policy as it is, for each rollout."""
    ones = [
        WeightedSequence(each.prompt_ids, each.token_ids, torch.ones(len(each.token_ids)).numpy()) for each in rollouts
    ]
    with torch.inference_mode():
        rows = sequence_logprobs(policy, ones).tolist()
    return [
        [abs(a - b) for a, b in zip(row, each.logprobs, strict=False)] for row, each in zip(rows, rollouts, strict=True)
    ]


def kept(policy: Policy) -> Policy:
    """The policy as it is now, whatever becomes of its weights."""
    return replace(policy, model=copy.deepcopy(policy.model))
