"""Hold a real vLLM or SGLang to what its stub promises: `make engines`, which installs it and writes its table.

Each case starts servers of its own, one at a time, and ends with what it saw or with the assertion that failed. Models
are the shipped tiny one and a copy of it whose output head is its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.engine_bench import STEPS, Bench, away, begin, draw, in_flight, kept, moved, requests, sampling
from benchmarks.engine_server import ENGINES, untied_copy
from benchmarks.tables import write_between_markers
from training.models.adapters import new_adapter
from training.models.policy import Policy, load_policy, resolve
from training.records import Drawing
from training.sections import ModelSection

_PAGE = Path("docs/scaling.md")
_LONG = 150
"""Tokens of a completion that is to be in flight when weights change."""
_CLOSE = 1e-4
"""Log-probabilities of the same weights in float32 are closer."""


def contract(bench: Bench) -> str:
    """Labels, log-probabilities, seeds, a push in the middle of requests, and pushes that fail."""
    policy = load_policy(ModelSection(name=str(bench.untied)))
    with bench.server(bench.untied) as server, sampling(bench, policy, server.url) as sampler:
        most = 0.0
        for version in (1, 2):
            sampler.follow(version)
            for drawing in (Drawing(), Drawing(0.5), Drawing(1.5, top_p=0.7), Drawing(top_k=3)):
                wanted = requests(policy, drawing=drawing)
                first = draw(sampler, wanted)
                again = draw(sampler, wanted)
                pairs = [(first[key].token_ids, each.token_ids) for key, each in again.items()]
                assert all(one == other for one, other in pairs), "the same seeds gave other samples"
                assert {each.policy_version for each in first.values()} == {version}
                most = max(most, *map(max, away(policy, [*first.values(), *again.values()])))
            moved(policy, 0.1)
        assert most < _CLOSE, most
        sampler.follow(3)
        crossed = _crossing(bench, policy, server.url)
        causes = _failed_pushes(bench, policy, server.url)
    return (
        f"log-probabilities within {most:.1g} of the learner's at four drawings; same seeds, same samples; {crossed};"
        f" {causes}; server up in {server.seconds:.0f} s"
    )


def _crossing(bench: Bench, policy: Policy, url: str) -> str:
    """Push while requests are in flight: tokens are the old weights' before the change, and the new ones' after it."""
    with sampling(bench, policy, url, _LONG) as sampler:
        sampler.follow(0)
        old, wanted = kept(policy), requests(policy, samples=64, drawing=Drawing(2.0))
        begin(sampler, wanted)
        moved(policy, 0.1)
        flying = in_flight(sampler)
        sampler.follow(1)
        rollouts = list(draw(sampler, wanted).values())
        crossed = int(sampler.metrics(1, rollouts)["sampler/crossed"])
        assert bool(crossed) is bench.engine.crosses, f"{crossed} requests crossed a push"
        worst = 0.0
        for earlier, later in zip(away(old, rollouts), away(policy, rollouts), strict=True):
            change = next((i for i, each in enumerate(earlier) if each > _CLOSE), len(earlier))
            worst = max(worst, *earlier[:change], *later[change:], 0.0)
        assert worst < _CLOSE, worst
    return (
        f"{crossed} of {flying} requests in flight crossed a push, every token within {worst:.1g} of the weights that"
        " it is labelled with"
    )


def _failed_pushes(bench: Bench, policy: Policy, url: str) -> str:
    """Load a folder that is not there, good weights, and weights of other shapes; what fails is named."""

    def refused(folder: Path) -> str:
        try:
            sampler._servers._wait(sampler._servers.api.load(url, folder, "x"))
        except Exception as error:
            time.sleep(3.0)  # after an error of its own a server drops the connection, which is kept for 2 s
            return str(error)
        raise AssertionError(f"{folder} was loaded")

    with sampling(bench, policy, url) as sampler:
        sampler.follow(0)
        assert bench.engine.unseen in (said := refused(bench.folder / "nowhere")), said
        sampler.follow(1)
        assert max(map(max, away(policy, list(draw(sampler, requests(policy)).values())))) < _CLOSE
        assert "other shapes than model.name" in (said := refused(_other_shapes(bench))), said
    return "an unseen folder is named and good weights mend the server; other shapes are named"


def _other_shapes(bench: Bench) -> Path:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(bench.untied)
    config.hidden_size //= 2  # SGLang fills up a smaller intermediate_size with zeros, which changes nothing
    folder = bench.folder / "other-shapes"
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def learning(bench: Bench) -> str:
    """A run on a server and the same run here; `sampler.ahead`; a server killed, and the run resumed on another."""
    local, said = bench.train("local", model__name=bench.untied)
    assert local == 0, said
    with bench.server(bench.untied) as server:
        keys = bench.served(bench.untied, server.url)
        served, said = bench.train("served", **keys)
        assert served == 0, said
        ahead, said = bench.train("ahead", **keys, sampler__ahead=True)
        assert ahead == 0, said
        lags = bench.metric("ahead", "sampler/lag")
        assert lags[STEPS] == 1, f"sampler.ahead: steps behind {lags}"
        process = bench.launch("lost", **keys)
        while process.poll() is None and not _reached(bench, "lost", 3):
            time.sleep(0.2)
        server.kill()
        said = process.communicate()[1].strip().splitlines()[-1]
        assert process.returncode == 1, said
        assert f"no {bench.engine.api.engine} server is left" in said, said
        assert "--resume" in said, said
    with bench.server(bench.untied) as server:
        resumed, said = bench.train("lost", "--resume", sampler__servers=server.url)
        assert resumed == 0, said
    same = {step: len(bench.drawn("served", step) & bench.drawn("lost", step)) for step in range(1, STEPS + 1)}
    assert same[1] == same[2] == 128, same
    rates = {name: _rates(bench, name) for name in ("local", "served", "ahead")}
    assert rates["served"][1] - rates["served"][0] > 0.5 * (rates["local"][1] - rates["local"][0]), rates
    shown = ", ".join(f"{name} {100 * a:.0f} to {100 * b:.0f} %" for name, (a, b) in rates.items())
    largest = max(bench.metric("served", "sampler/disagreement").values())
    equal = sum(same.values())
    return (
        f"{STEPS} steps, held-out pass@1: {shown}; largest disagreement {largest:.1g}; server killed after step 3,"
        f" resumed elsewhere with `--resume --sampler.servers URL`: {equal} of {128 * STEPS} samples equal"
    )


def _reached(bench: Bench, name: str, step: int) -> bool:
    try:
        return max(bench.metric(name, "reward/mean"), default=0) >= step
    except sqlite3.Error:
        return False


def _rates(bench: Bench, name: str) -> tuple[float, float]:
    found = bench.metric(name, "held_out/pass@1")
    return found[min(found)], found[max(found)]


def adapters(bench: Bench) -> str:
    """LoRA: requests in flight keep their adapter, old ones are unloaded, and runs with `sampler.ahead` go on."""
    section = ModelSection(name=str(bench.tied), lora_rank=8)
    policy = load_policy(ModelSection(name=str(bench.tied)))
    policy = replace(policy, model=new_adapter(policy.model, section).eval(), section=section)
    with torch.no_grad():
        for parameter in policy.trained:
            parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
    with bench.server(bench.tied, *bench.engine.lora.split()) as server:
        with sampling(bench, policy, server.url, _LONG) as sampler:
            sampler.follow(0)
            old, wanted = kept(policy), requests(policy, samples=64, drawing=Drawing(2.0))
            begin(sampler, wanted)
            moved(policy, 0.3)
            flying = in_flight(sampler)
            sampler.follow(1)
            rollouts = list(draw(sampler, wanted).values())
            first, second = ([each for each in rollouts if each.policy_version == version] for version in (0, 1))
            before = max(map(max, away(old, first)))
            new = max(map(max, away(policy, [*second, *draw(sampler, requests(policy)).values()])))
            assert max(before, new) < _CLOSE, (before, new)
            time.sleep(0.5)
            loaded = server.adapters()
            assert loaded == [f"{sampler._servers.label}1"], loaded
        keys = {**bench.served(bench.tied, server.url), "model__lora_rank": 8, "sampler__ahead": True}
        status, said = bench.train("lora", optimizer__learning_rate=5e-3, **keys)
        assert status == 0, said
        left = server.adapters()
        assert not left, left
    start, end = _rates(bench, "lora")
    largest = max(bench.metric("lora", "sampler/disagreement").values())
    return (
        f"a push with {flying} requests in flight: old within {before:.1g}, new within {new:.1g}; the old adapter is"
        f" unloaded after them; {STEPS} steps with `ahead`: pass@1 {100 * start:.0f} to {100 * end:.0f} %,"
        f" largest disagreement {largest:.1g}, no adapter left behind"
    )


def tied_head(bench: Bench) -> str:
    """Tied embeddings. The known fault of vLLM: a CPU server keeps its old output head, and the run must stop."""
    with bench.server(bench.tied) as server:
        status, said = bench.train("tied", **bench.served(bench.tied, server.url))
    seen = bench.metric("tied", "sampler/disagreement")
    if not bench.engine.stale_head:
        assert status == 0, said
        return f"{STEPS} steps, largest disagreement {max(seen.values()):.1g}"
    assert status == 1, (status, said)
    assert "does not sample from the learner's weights" in said, said
    found = said.partition("learner's by ")[2].partition(";")[0]
    return f"stopped after the first push: {found} (before it {seen[1]:.1g})"


def rounding(bench: Bench) -> str:
    """bfloat16: how far right servers are from the learner, for the tolerance."""
    policy = load_policy(ModelSection(name=str(bench.untied), dtype="bfloat16"))
    found = []
    with bench.server(bench.untied, "--dtype", "bfloat16") as server, sampling(bench, policy, server.url) as sampler:
        for version in range(4):
            sampler.follow(version)
            found.append(sampler.metrics(version, [])["sampler/disagreement"])
            moved(policy, 0.1)
    return "disagreement after four pushes: " + ", ".join(f"{each:.2g}" for each in found)


def refusals(bench: Bench) -> str:
    """Servers that cannot be used are refused in one line, and no run is left behind."""
    (setting, value), key = bench.engine.flaw, bench.engine.api.key_variable
    with bench.server(bench.untied, "--api-key", "secret", **{setting: value}) as server:
        for given, wanted in (("", key), ("secret", f"{setting}=1")):
            os.environ[key] = given
            status, said = bench.train("refused", **bench.served(bench.untied, server.url))
            assert status == 2, said
            assert wanted in said, said
            assert not (bench.folder / "runs" / "refused").exists()
        del os.environ[key]
    return f"no key, and {setting}={value}: status 2, the line names {key} and {setting}=1, no run folder"


CASES: dict[str, Callable[[Bench], str]] = {
    "contract": contract,
    "tied head": tied_head,
    "LoRA": adapters,
    "learning": learning,
    "refusals": refusals,
    "bfloat16": rounding,
}


def written(markers: str, rows: dict[str, str], versions: str) -> None:
    """Lay rows over those in docs/scaling.md that the same versions gave, and write the table."""
    _, opened, rest = _PAGE.read_text(encoding="utf-8").partition(f"<!-- {markers} -->")
    block = rest.partition(f"<!-- /{markers} -->")[0] if opened else ""
    earlier = [line for line in block.splitlines() if line.startswith("| ") and versions in block]
    merged = {line.split(" | ")[0].removeprefix("| "): line for line in earlier} | rows
    lines = [f"{versions}.", "", "| case | what was seen | seconds | on |", "|---|---|---|---|"]
    table = "\n".join([*lines, *(merged[case] for case in CASES if case in merged)])
    write_between_markers(_PAGE, markers, table)


def versions_of(python: Path, package: str) -> str:
    """Name the versions that matter, and the machine."""
    said = subprocess.check_output([python, "-m", "pip", "list", "--format", "freeze"], text=True)
    found = [line for line in said.splitlines() if line.partition("==")[0] in (package, "torch", "transformers")]
    return f"{', '.join(sorted(found))}, Python {platform.python_version()}, {os.cpu_count()} cores, no GPU"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--python", type=Path, required=True, help="the interpreter that has the engine")
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--write", action="store_true", help="write the rows that passed into docs/scaling.md")
    arguments = parser.parse_args()
    engine, rows = ENGINES[arguments.engine], dict[str, str]()
    with tempfile.TemporaryDirectory(prefix="rltf-engines-") as name:
        folder, tied = Path(name), Path(resolve("embedded:short"))
        bench = Bench(engine, arguments.python, folder, tied, untied_copy(tied, folder / "untied"))
        for case in arguments.only:
            started = time.monotonic()
            try:
                seen = CASES[case](bench)
            except Exception as error:  # whatever a real engine brings
                print((folder / "servers.log").read_text(errors="replace")[-4000:], file=sys.stderr)
                print(f"{case} FAILED: {type(error).__name__}: {error}", flush=True)
                continue
            seconds, load = time.monotonic() - started, os.getloadavg()[2]
            rows[case] = f"| {case} | {seen} | {seconds:.0f} (load {load:.0f}) | {datetime.now(UTC):%Y-%m-%d} |"
            print(rows[case], flush=True)
    if arguments.write:
        written(f"engines-{arguments.engine}", rows, versions_of(arguments.python, engine.package))
    return 1 if len(rows) < len(arguments.only) else 0


if __name__ == "__main__":
    sys.exit(main())
