"""Compare `benchmarks.plan` with a discrete-event simulation. Run as `python -m benchmarks.pipeline`.

The plan divides averages. Here every program is an event of its own. Its length is drawn, its engine writes it token by
token beside others, and a judge core takes it for its own time, where some use up their time limit. The learner begins
when the last program of its step has been judged. The time of a step is compared. Both sides take the same unit costs
(`benchmarks.plan`), so nothing real is measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from benchmarks.plan import GPUS, MODELS, Efficiency, Gpu, Model, Plan, Work, plan, rows
from benchmarks.tables import write_between_markers

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"
STEPS, WARM = 12, 3
EFFICIENCY = Efficiency()


class Pipeline:
    """One simulated run."""

    def __init__(self, planned: Plan, gpu: Gpu, model: Model, work: Work, seed: int) -> None:
        self.plan, self.work = planned, work
        self.random = np.random.default_rng(seed)
        self.world = simpy.Environment()
        self.reading = work.prompt_tokens * 2 * model.parameters / (EFFICIENCY.computing * gpu.flops)
        self.engines = (planned.samplers or planned.learners) // planned.engine_gpus
        self.rows = simpy.Resource(self.world, self.engines * planned.rows)
        self.cores = simpy.Resource(self.world, planned.judge_cores)
        self.ends: list[float] = []

    def lengths(self) -> np.ndarray:
        """Log-normal around the mean response, none longer than the longest."""
        spread = 0.6
        drawn = self.random.lognormal(np.log(self.work.response_tokens) - spread**2 / 2, spread, self.work.samples)
        return np.minimum(drawn, self.work.longest_tokens)

    def program(self, tokens: float) -> Generator[simpy.Event, Any, None]:
        """Written in a row of an engine, then judged on a core."""
        with self.rows.request() as row:
            yield row
            reading = self.reading * self.plan.rows / self.plan.engine_gpus  # an engine reads its rows' prompts in turn
            yield self.world.timeout(reading + tokens * self.plan.token_time)
        with self.cores.request() as core:
            yield core
            hangs = self.random.random() < self.work.timeout_share
            yield self.world.timeout(self.work.judge_seconds + (self.work.time_limit if hangs else 0.0))

    def sampled(self) -> simpy.Event:
        """All programs of one step."""
        return self.world.all_of([self.world.process(self.program(tokens)) for tokens in self.lengths()])

    def loop(self) -> Generator[simpy.Event, Any, None]:
        """Taking turns, or sampling the next step while this one is learned."""
        ahead = [self.sampled(), self.sampled()] if self.plan.samplers else []
        for _ in range(STEPS):
            yield ahead.pop(0) if ahead else self.sampled()
            yield self.world.timeout(self.plan.learn_time)
            if self.plan.samplers:
                yield self.world.timeout(self.plan.push_time)
                ahead.append(self.sampled())
            self.ends.append(self.world.now)

    def step_time(self) -> float:
        """Mean seconds of a step, the first few left out."""
        self.world.run(self.world.process(self.loop()))
        return (self.ends[-1] - self.ends[WARM - 1]) / (STEPS - WARM)


def main() -> None:
    """Print the comparison; `--write` puts it into docs/scaling.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/scaling.md")
    given = parser.parse_args()
    lines = [
        "| GPUs | model | split | planned step, s | simulated, s | ratio | judge cores |",
        "|---" * 7 + "|",
    ]
    for size, count in (("0.5b", 8), ("7b", 8), ("7b", 64), ("32b", 64)):
        gpu, model, work = GPUS["h100"], MODELS[size], Work(samples=1024 if count == 8 else 4096)
        planned = plan(count, gpu, model, work)
        pipeline = Pipeline(planned, gpu, model, work, seed=0)
        found = pipeline.step_time()
        split = f"{planned.samplers} + {planned.learners}" if planned.samplers else "in turns"
        times = f"{planned.step_time:.1f} | {found:.1f} | {found / planned.step_time:.2f}"
        lines.append(f"| {count} | {size} | {split} | {times} | {planned.judge_cores} |")
    table = "\n".join(lines)
    print(table)
    if not given.write:
        return
    write_between_markers(PAGE, "simulation", table)
    work = Work(samples=4096)
    for count in (8, 64):
        planned = plan(count, GPUS["h100"], MODELS["7b"], work)
        worked = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows(planned, work))]
        write_between_markers(PAGE, f"plan-{count}", "\n".join(worked))


if __name__ == "__main__":
    main()
