"""FSDP2 and NCCL on one GPU: the sharded learner takes the same step as the one of a single process.

On a CPU, for the rehearsal, two processes share the step through gloo.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from benchmarks.gpu.bench import Bench

_BOUND = 1e-3
_ENGINE = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}
"""What `accelerate launch` leaves in the environment for FSDP2."""


def sharded(bench: Bench) -> None:
    """Launch processes that take one step together, and compare their loss and gradient norm with one process's."""
    bench.head("FSDP2")
    bench.table("processes", "backend", "loss", "alone", "gradient norm", "alone", "bound", "")
    count = 1 if bench.device == "cuda" else 2
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        # As torchrun does: the port is bound before anybody is told of it.
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        shared = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "OMP_NUM_THREADS": 1, **_ENGINE}
        shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": store.port, "TORCHELASTIC_USE_AGENT_STORE": True}
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.gpu.sharded", str(answer)],
                env={**os.environ, **{name: str(value) for name, value in {**shared, **own}.items()}},
                stderr=subprocess.PIPE,
                text=True,
            )
            for own in ({"RANK": rank, "LOCAL_RANK": rank} for rank in range(count))
        ]
        said = [process.communicate()[1] for process in processes]
        bench.log("\n".join(said)[-4000:])
        if not answer.exists():
            raise RuntimeError(f"the processes ended without an answer: {said[0][-300:]}")
        found = json.loads(answer.read_text())
    off = max(abs(found[name] / found[f"{name} alone"] - 1) for name in ("loss", "norm"))
    cells = [count, found["backend"], found["loss"], found["loss alone"], found["norm"], found["norm alone"], _BOUND]
    bench.row(cells, holds=off <= _BOUND)


def _one(answer: Path) -> None:
    """Be one of the processes; the first one writes what it found."""
    import numpy as np
    import torch

    from benchmarks.gpu.shapes import embedded_policy, requests_of
    from training.config import OptimizerSection
    from training.learners.accelerate_ranks import AccelerateRanks
    from training.learners.local import LocalLearner
    from training.learners.sharded import FsdpLearner
    from training.records import WeightedSequence

    ranks = AccelerateRanks()
    section = OptimizerSection(learning_rate=1e-9)
    policy = embedded_policy(str(ranks.accelerator.device))
    sequences = [
        WeightedSequence(each.prompt_ids, tuple(range(5, 25)), np.linspace(-1, 1, 20, dtype=np.float32))
        for each in requests_of(policy, 8, 1, 12)
    ]
    alone, together = LocalLearner(policy, section, 9), FsdpLearner(policy, section, 9, ranks)
    found: dict[str, object] = {"backend": torch.distributed.get_backend()}
    for suffix, learner in (("", together), (" alone", alone)):
        found[f"loss{suffix}"] = learner.accumulate(sequences, float(len(sequences)))
        found[f"norm{suffix}"] = learner.update()["gradient_norm"]
    if ranks.leads:
        answer.write_text(json.dumps(found))
    ranks.close()


if __name__ == "__main__":
    _one(Path(sys.argv[1]))
