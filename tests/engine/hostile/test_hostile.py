"""Attacks on the judge, one test for each: no pass that was not computed, no harm done, no honest program refused.

All of them run inside a jail that the `jail` fixture sets up; see `conftest.py` and `driver.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.hostile, pytest.mark.slow]

HERE = Path(__file__).resolve().parent
PUBLIC = (HERE.parents[3] / "shared" / "data" / "hostile" / "hostile.jsonl").resolve()
RED = PUBLIC.with_name("red.jsonl")
"""What a red team got past an earlier judge."""
OWN = HERE / "attacks.jsonl"
_NAMES = {"pass": "passed", "fail": "failed"}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


ITEMS = read(PUBLIC) + read(RED) + read(OWN)


def collect(jail: Any, *files: Path, driver: str = "driver.py", **options: Any) -> dict[str, dict[str, Any]]:
    finished = jail(HERE / driver, *[file for file in files if file.is_file()], **options)
    lines = [json.loads(line) for line in finished.stdout.splitlines()]
    assert finished.returncode == 0, finished.stderr[-3000:]
    return {line["id"]: line for line in lines}


@pytest.fixture(scope="module")
def results(jail: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every attack's result, at the highest level that this machine offers."""
    return collect(jail, PUBLIC, RED, OWN)


@pytest.fixture(scope="module")
def reports(jail: Any) -> dict[str, dict[str, Any]]:
    """What `rltf feedback` makes of the programs of which the corpus says more than a verdict."""
    return collect(jail, RED, driver="reports.py")


def allowed(expect: str, result: dict[str, Any]) -> bool:
    """Whether a result is one of those that the corpus allows (`|`-separated; `error:` names a type or a kind)."""
    verdict = result["verdict"]
    if expect in ("not passed", "must not pass"):
        return verdict in ("failed", "error")
    for choice in expect.split("|"):
        wanted, _, kind = choice.partition(":")
        if verdict == _NAMES.get(wanted, wanted) and (not kind or kind in (result["type"], result["kind"])):
            return True
    return False


@pytest.mark.parametrize("item", ITEMS, ids=[item["id"] for item in ITEMS])
def test_attack(item: dict[str, Any], results: dict[str, dict[str, Any]]) -> None:
    result = results[item["id"]]
    assert allowed(item["expect"], result), (item["why"], item["expect"], result)


@pytest.mark.skipif(not RED.is_file(), reason="the corpus does not lie beside the checkout")
def test_what_the_corpus_says_of_line_findings_blame_penalty_and_time_holds(reports: dict[str, dict[str, Any]]) -> None:
    """CPU time counts for `maxwall`, because the machine may be busy. Programs that talk come in their order."""
    assert len(reports) >= 12
    for item in ITEMS:
        if (report := reports.get(item["id"])) is None:
            continue
        assert allowed(item["expect"], report), (item["expect"], report)
        assert report["line"] == item.get("line", report["line"]), report
        assert set(item.get("want", ())) <= set(report["codes"]), report
        assert item.get("blame") in (None, *report["blame"]), report
        assert "fine" not in item or report["fine"] < 0, report
        assert report["seconds"] <= item.get("maxwall", 60.0), report


def test_an_ordinary_container_is_as_safe(jail: Any) -> None:
    """Without name spaces (no user may make any), the other layers must do."""
    found = collect(jail, PUBLIC, RED, OWN, users=False)
    assert {result["isolation"] for name, result in found.items() if name != "host"} == {"2: rlimits+seccomp+landlock"}
    assert found["host"] == {"id": "host", "changed": {}, "contacted": []}
    here = [item for item in ITEMS if "(level 3)" not in item["why"]]  # the others need a directory to write in
    assert [found[item["id"]] for item in here if not allowed(item["expect"], found[item["id"]])] == []


def test_the_host_is_unchanged(results: dict[str, dict[str, Any]]) -> None:
    assert results["host"] == {"id": "host", "changed": {}, "contacted": []}
