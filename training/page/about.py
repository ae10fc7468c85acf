"""What a run was: the facts a reader asks for first, the command that does it again, its configuration key by key."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from training.run import Run
from training.run.about import read_about

_FACTS = {
    "model": "model.name",
    "data": "data.train",
    "held-out data": "data.held_out",
    "algorithm": "objective.algorithm",
    "baseline": "objective.baseline",
    "feedback": "feedback.mode",
    "learning rate": "optimizer.learning_rate",
    "problems per step": "sampler.problems_per_step",
    "samples per problem": "sampler.samples_per_problem",
    "steps": "training.steps",
    "seed": "run.seed",
}


def run_about(run: Run) -> dict[str, Any]:
    """Give `facts` (pairs of name and text), `command` (None for a loop of one's own) and `config` (key -> text)."""
    config = dict(_flat(_config(run)))
    about, summary = read_about(run.path), run.summary or {}
    facts = [(name, config[key]) for name, key in _FACTS.items() if config.get(key)]
    held_out = summary.get("held_out", {})
    if held_out:
        facts.append(
            ("held-out problems", f"{held_out.get('problems')} x {held_out.get('samples_per_problem')} samples")
        )
    if about:
        cores = f"{about['system']}, {about['cores']} cores, accelerator: {about['accelerator']}"
        versions = f"rltf {about['rltf']}, Python {about['python']}, torch {about['torch']}"
        facts += [("machine", cores), ("versions", versions), ("started", _date(about["started"]))]
    seconds = _seconds(run)
    if seconds:
        facts.append(("duration", _duration(seconds)))
    facts += [(f"sign at step {sign['step']}", sign["text"]) for sign in run.signs]
    command = f"rltf train {shlex.quote(str(run.path / 'config.toml'))} --run {shlex.quote(run.name + '-again')}"
    return {"facts": facts, "command": command if config else None, "config": config}


def _config(run: Run) -> dict[str, Any]:
    try:
        return tomllib.loads((run.path / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a run of another version may hold anything: what cannot be read is not shown
        return {}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(run: Run) -> float:
    """From the first event to the last: of a run that was resumed, with the time between."""
    (row,) = list(run.rows("SELECT min(time) AS first, max(time) AS last FROM events WHERE time > 0")) or [{}]
    return float((row.get("last") or 0) - (row.get("first") or 0))


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if hours < 2 else f"{hours:.1f} h"
