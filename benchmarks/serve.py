"""`rltf serve` under load: many requests from several callers, some with hostile programs; nothing may be lost.

    python -m benchmarks.serve --requests 10000 --hostile 0.05

Hostile programs are those of `tests/engine/hostile`. Run it where a hole in the sandbox does no harm, as in
`tests/integrations/test_load.py`: it attacks the machine that it runs on.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from integrations.client import ScoreClient
from tests.engine.hostile.driver import program_of
from tests.engine.hostile.test_hostile import allowed

ATTACKS = Path("tests/engine/hostile/attacks.jsonl")
PROBLEM = {"inputs": ["3\n", "10\n"], "outputs": ["9\n", "100\n"], "time_limit": 1.0}
HONEST = (
    ("print(int(input()) ** 2)  # {}\n", "passed"),
    ("n = int(input())\nprint(n * 3)  # {}\n", "failed"),
    ("n = int(input())\nprint(n * m)  # {}\n", "error"),
)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--hostile", type=float, default=0.05, help="share of requests with a hostile program")
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args(words)
    requests = _requests(arguments.requests, arguments.hostile)
    command = [sys.executable, "-m", "training", "serve", "--port", "0", "--workers", str(arguments.workers)]
    with subprocess.Popen([*command, "--waiting", "64"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[4].rstrip(";")
        begin = time.perf_counter()
        results = _ask(url, requests, arguments.callers)
        seconds = time.perf_counter() - begin
        server.terminate()
        status = server.wait(120)
    wrong = [name for name, result in results.items() if requests[name][1] not in ("", result["verdict"])]
    verdicts = Counter(result["verdict"] for result in results.values())
    hostile = {name: item["attack"] for name, (item, expected) in requests.items() if not expected}
    escaped = {name: attack for name, attack in hostile.items() if not _may_get(attack, results[name])}
    print(f"{len(results)} of {len(requests)} answered in {seconds:.0f} s, {len(results) / seconds:.0f} a second")
    print(
        f"verdicts {dict(verdicts)}; of hostile programs {dict(Counter(results[name]['verdict'] for name in hostile))}"
    )
    print(f"honest programs misjudged: {len(wrong)}; hostile ones with a verdict that they may not get: {len(escaped)}")
    for name, attack in escaped.items():
        print(f"{attack['id']}: may get {attack['expect']}, got {results[name]['verdict']} {results[name]['error']}")
    print(f"the service ended with status {status}")
    sys.exit(int(len(results) != len(requests) or bool(wrong or escaped) or status != 0))


def _may_get(attack: dict[str, Any], result: dict[str, Any]) -> bool:
    error = result["error"] or {"type": None, "kind": None}
    return allowed(attack["expect"], {"verdict": result["verdict"], "type": error["type"], "kind": error["kind"]})


def _requests(count: int, hostile: float) -> dict[int, tuple[dict[str, Any], str]]:
    """Number -> item and expected verdict; none is expected of an attack."""
    chance = random.Random(0)
    attacks = [json.loads(line) for line in ATTACKS.read_text().splitlines()]
    requests = {}
    for number in range(count):
        if chance.random() < hostile:
            attack = chance.choice(attacks)
            program = program_of(attack).decode(errors="surrogateescape")
            problem = {**attack["problem"], "time_limit": 1.0}
            requests[number] = {"id": number, "program": program, "problem": problem, "attack": attack}, ""
        else:
            program, verdict = chance.choice(HONEST)
            requests[number] = {"id": number, "program": program.format(number), "problem": PROBLEM}, verdict
    return requests


def _ask(url: str, requests: dict[int, tuple[dict[str, Any], str]], callers: int) -> dict[int, dict[str, Any]]:
    """Each caller asks for one item at a time, as a trainer's rollout workers do."""
    results: dict[int, dict[str, Any]] = {}
    waiting = iter(requests.values())
    lock = threading.Lock()

    def call() -> None:
        client = ScoreClient(url, seconds=3600)
        while True:
            with lock:
                item = next(waiting, (None, ""))[0]
            if item is None:
                return
            (result,) = client.score([{key: value for key, value in item.items() if key != "attack"}])
            results[result["id"]] = result

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


if __name__ == "__main__":
    main()
