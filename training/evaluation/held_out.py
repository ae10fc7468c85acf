"""The evaluations inside a run: the pass rate on held-out problems, measured by all processes, written and shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from engine import Problem, ProgramJudge
from training.evaluation.kept import kept_samples
from training.evaluation.rates import Judged, judged_samples, pass_rate
from training.models.policy import Policy
from training.ranks import Ranks
from training.records import GREEDY, Drawing, PassRate
from training.run.display import Display
from training.run.recorder import Recorder
from training.samplers import Sampler


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out problems, and what their samples are drawn and judged with."""

    problems: Sequence[Problem]
    policy: Policy
    sampler: Sampler
    judge: ProgramJudge
    seed: int
    """Of the run."""
    ranks: Ranks
    recorder: Recorder
    display: Display
    go_on: Callable[[], None]
    """Called between batches. It raises `Stopping` where training was asked to stop."""

    def evaluate(self, step: int, samples: int) -> dict[str, float]:
        """Measure `pass@1` at temperature 1, from so many samples of each problem, and `greedy`. Record and show them.

        Raises:
            Stopping: training was asked to stop. Nothing is recorded.
        """
        self.recorder.tell("evaluating")
        (sampled, drawn), (greedy, best) = self._rate(samples, Drawing()), self._rate(1, GREEDY)
        rates = {"pass@1": sampled.pass_at_1, "greedy": greedy.pass_at_1}
        self.recorder.event(
            "evaluation",
            {"step": step, **rates, "samples_per_problem": samples, **sampled.classes},
            {f"held_out/{name}": value for name, value in rates.items()},
        )
        kept = kept_samples(drawn, "sampled") + kept_samples(best, "greedy")
        self.recorder.event("held_out", {"step": step, "samples": kept})
        self.recorder.tell("running")
        self.display.evaluation(step, sampled, greedy)
        return rates

    def recorded(self, step: int, samples: int) -> dict[str, float] | None:
        """Read the rates of an evaluation that an earlier session of the run made at this step, if there is one."""

        def read() -> dict[str, float] | None:
            events = [event["data"] for event in self.recorder.run.events() if event["kind"] == "evaluation"]
            wanted = [event for event in events if (event["step"], event["samples_per_problem"]) == (step, samples)]
            return {name: wanted[-1][name] for name in ("pass@1", "greedy")} if wanted else None

        return self.ranks.first(read)

    def _rate(self, samples: int, drawing: Drawing) -> tuple[PassRate, list[Judged]]:
        def judged() -> list[Judged]:
            problems = self.ranks.share(self.problems)
            return list(
                judged_samples(
                    self.policy,
                    self.sampler,
                    self.judge,
                    problems,
                    samples,
                    drawing,
                    seed=self.seed,
                    go_on=self.go_on,
                )
            )

        place = {problem.id: index for index, problem in enumerate(self.problems)}
        everywhere = chain(*self.ranks.gather(judged))
        ordered = sorted(everywhere, key=lambda sample: (len(sample.rollout.prompt_ids), place[sample.problem_id]))
        return pass_rate(ordered), ordered
