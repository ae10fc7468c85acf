"""Runs hostile programs through the judge, inside the jail, and reports verdicts and what became of the host.

Run as `driver.py CORPUS.jsonl...`; prints one line of JSON for each program, then one that compares the host before and
after. The programs' files are made and the network listens here, so that harm would show.
"""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from engine import Judge, Limits, parse_problem

HOME = Path(os.environ["HOME"])
CANARIES = {"canary.txt": "canary", "precious": "precious", ".ssh/id_rsa": "canary-file-secret-777", ".bashrc": ""}


def program_of(item: dict[str, Any]) -> bytes:
    if "program_b64" in item:
        return base64.b64decode(item["program_b64"])
    if "program_expr" in item:
        return str(eval(item["program_expr"])).encode("utf-8", "surrogatepass")
    return item["program"].encode("utf-8", "surrogatepass")


def problem_of(item: dict[str, Any]) -> dict[str, Any]:
    """The problem in a public shape; the corpora shorten MBPP's."""
    problem = item["problem"]
    if "asserts" in problem:
        return {"test_list": problem["asserts"], "entry_point": problem["entry"]}
    return problem


def make_canaries() -> None:
    for name, text in CANARIES.items():
        path = HOME / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def listeners() -> list[socket.socket]:
    found = []
    for family, kind, address in (
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 47111)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 47112)),
        (socket.AF_UNIX, socket.SOCK_STREAM, "/tmp/canary.sock"),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0canary"),
        (socket.AF_UNIX, socket.SOCK_DGRAM, "/tmp/canary-datagram.sock"),
    ):
        listener = socket.socket(family, kind)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        found.append(listener)
    return found


def files() -> dict[str, str]:
    """Every file that a program might change: mode, size, times and, for small ones, content.

    Of the checkout, which may lie in /tmp, only its source: other tests, outside the jail, write caches, builds and
    runs there at the same time.
    """
    found = {}
    checkout = Path.cwd()
    everywhere = [path for folder in (HOME, Path("/tmp"), Path("/dev/shm")) for path in folder.rglob("*")]
    scratch = [path for path in everywhere if checkout not in path.parents]
    source = [path for folder in ("engine", "tests/engine") for path in checkout.joinpath(folder).rglob("*.py")]
    for path in scratch + source:
        facts = path.lstat()
        text = path.read_text(errors="replace") if path.is_file() and HOME in path.parents else ""
        found[str(path)] = f"{facts.st_mode} {facts.st_size} {facts.st_mtime_ns} {text}"
    return found


def processes() -> list[str]:
    """Other processes in the jail's process name space, by what they run."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                found.append((folder / "cmdline").read_text().replace("\0", " ")[:80])
            except OSError:
                continue
    return sorted(found)


def host() -> dict[str, Any]:
    shared = [Path(f"/proc/sysvipc/{kind}").read_text() for kind in ("shm", "sem", "msg")]
    priority = [os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0))]
    return {"files": files(), "processes": processes(), "shared": shared, "priority": priority}


def differing(before: Any, after: Any) -> Any:
    """What was and what is, of files only those that differ."""
    if not isinstance(before, dict):
        return [before, after]
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: [before.get(name), after.get(name)] for name in names}


def main() -> None:
    make_canaries()
    network = listeners()
    items = [json.loads(line) for path in sys.argv[1:] for line in Path(path).read_text().splitlines()]
    before = host()
    limits = Limits(cpu_seconds=1.0, wall_factor=6.0, timeouts=1)  # importing numpy takes up to a half
    with Judge(workers=2, limits=limits) as judge:
        futures = [judge.submit(program_of(item), parse_problem(problem_of(item))) for item in items]
        for item, future in zip(items, futures, strict=True):
            execution = future.result()
            error = execution.error
            answer = {
                "id": item["id"],
                "verdict": execution.verdict,
                "type": error and error.type,
                "kind": error and error.kind,
            }
            print(json.dumps({**answer, "isolation": execution.isolation, "infra": execution.infra_reason}), flush=True)
    after = host()
    contacted = [str(listener.getsockname()) for listener in select.select(network, [], [], 0)[0]]
    changed = {name: differing(before[name], after[name]) for name in before if before[name] != after[name]}
    print(json.dumps({"id": "host", "changed": changed, "contacted": contacted}))


if __name__ == "__main__":
    main()
