"""Programs per second through each adapter of docs/trainers.md, beside calling the engine directly.

    python -m benchmarks.adapters [--write]

One engine with one worker of each kind judges the same mixture everywhere; no program comes twice. Adapters whose
library is not installed are left out (`make trainers` installs them).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from benchmarks.tables import write_between_markers
from engine import Engine
from feedback import Scorer
from integrations.client import ScoreClient
from integrations.items import problem_of
from training import minicode

PROGRAMS, TURNS = 240, 5
PROBLEM = {"inputs": ["3\n", "10\n"], "outputs": ["9\n", "100\n"]}
MIXTURE = (
    "print(int(input()) ** 2)  # {}\n",
    "n = int(input())\nprint(n * 3)  # {}\n",
    "n = int(input())\nprint(n * m)  # {}\n",
)
Adapter = Callable[[list[str]], None]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="write the table into docs/trainers.md")
    arguments = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(minicode.checkpoint("short") / "tokenizer.json"))
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        engine = stack.enter_context(Engine(trace_lines=True, cached_reports=1))
        adapters = _adapters(engine, tokenizer, stack)
        number = 0
        for turn in range(TURNS + 1):  # the first warms up
            for name, score in adapters.items():
                programs = [MIXTURE[n % len(MIXTURE)].format(number + n) for n in range(PROGRAMS)]
                number += PROGRAMS
                begin = time.perf_counter()
                score(programs)
                if turn:
                    rates.setdefault(name, []).append(PROGRAMS / (time.perf_counter() - begin))
    table = _table(rates)
    print(table)
    if arguments.write:
        write_between_markers(Path("docs/trainers.md"), "adapters", table)


def _adapters(engine: Engine, tokenizer: Tokenizer, stack: ExitStack) -> dict[str, Adapter]:
    text, problem = json.dumps(PROBLEM), problem_of(json.dumps(PROBLEM))
    scorer = Scorer(tokenizer, engine)

    def ids_of(programs: list[str]) -> list[list[int]]:
        return [tokenizer.encode(program, add_special_tokens=False).ids for program in programs]

    def direct(programs: list[str]) -> None:
        for future in [engine.submit(program.encode(), problem) for program in programs]:
            future.result()

    adapters: dict[str, Adapter] = {
        "the engine, called directly": direct,
        "`Scorer.score`": lambda programs: _all(scorer.score(ids_of(programs), [problem] * len(programs))),
    }
    if importlib.util.find_spec("trl"):
        from integrations.trl import ScorerRewards

        rewards = ScorerRewards(scorer, {0})

        def trl(programs: list[str]) -> None:
            ids = ids_of(programs)
            for function in rewards.functions:
                function(completion_ids=ids, problem=[text] * len(ids))

        adapters["TRL's reward functions"] = trl
    if importlib.util.find_spec("verl"):
        adapters["verl's reward manager"] = _verl(scorer, ids_of, text)
    if importlib.util.find_spec("prometheus_client"):
        client = ScoreClient(stack.enter_context(_served()))
        adapters["`rltf serve`, 256 items a request"] = lambda programs: _all(
            client.score([{"token_ids": ids, "problem": PROBLEM} for ids in ids_of(programs)])
        )
    return adapters


def _all(results: list[Any]) -> None:
    assert len(results) == PROGRAMS


def _verl(scorer: Scorer, ids_of: Callable[[list[str]], list[list[int]]], text: str) -> Adapter:
    import numpy as np
    import torch
    from verl import DataProto

    from integrations.verl import TokenRewardManager

    manager = TokenRewardManager.__new__(TokenRewardManager)  # on this engine, not on one of its own
    manager._scorer, manager.tokenizer = scorer, type("Ends", (), {"eos_token_id": 0})

    def score(programs: list[str]) -> None:
        async def all_of_them() -> list[Any]:
            batches = []
            for ids in ids_of(programs):
                tensors = {
                    "responses": torch.tensor([ids]),
                    "attention_mask": torch.ones(1, len(ids), dtype=torch.int64),
                }
                truth = np.array([{"ground_truth": text}], dtype=object)
                batches.append(DataProto.from_dict(tensors=tensors, non_tensors={"reward_model": truth}))
            return list(await asyncio.gather(*map(manager.run_single, batches)))

        _all(asyncio.run(all_of_them()))

    return score


@contextmanager
def _served() -> Iterator[str]:
    """The service in a process of its own, with an engine like the one here."""
    model = str(minicode.checkpoint("short"))
    command = [sys.executable, "-m", "training", "serve", "--port", "0", "--workers", "1", "--tokenizer", model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[4].rstrip(";")
        server.terminate()


def _table(rates: dict[str, list[float]]) -> str:
    medians = {name: statistics.median(values) for name, values in rates.items()}
    direct = next(iter(medians.values()))
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    lines = [
        f"Made by `python -m benchmarks.adapters --write` ({machine}): one worker of each kind,",
        f"{PROGRAMS} programs a turn of which a third each pass, fail and raise, medians of {TURNS} turns.",
        "",
        "| through | programs a second | beside the engine |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {rate:.0f} | {rate / direct:.0%} |" for name, rate in medians.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
