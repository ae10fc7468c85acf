"""What a step leaves behind: its metrics, its samples and what they are a sign of, written and shown."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from training.config import TrainConfig
from training.models.performance import Tokens, sampled_tokens
from training.opening import Opened
from training.records import Experience, Group, Row, Sample
from training.run.display import Display
from training.run.samples import scored, step_metrics
from training.run.signs import Signs
from training.step import Step


@dataclass(slots=True)
class Reporter:
    """Measures, writes and shows the steps of a run."""

    config: TrainConfig
    parts: Opened
    display: Display
    leads: bool
    """Whether this process writes and shows. The others measure alone."""
    signs: Signs = field(default_factory=Signs)
    seconds: float = 0.0
    """What writing and showing the newest step took. It counts in the next step's `time/other`."""

    def report(self, step: Step, seconds: float, judged: int) -> None:
        """Write and show a step.

        Args:
            step: A whole step.
            seconds: Wall time it took.
            judged: Programs judged for training since the run began.
        """
        drawn = step.drawn
        seconds += self.seconds
        metrics = step.metrics | {"time/step": seconds}
        sampling, wait = metrics["time/sample"], metrics["time/feedback_wait"]
        metrics["time/other"] = seconds - sampling - metrics["time/learn"] - wait
        if self.parts.performance is not None:
            learned = Tokens(int(metrics["learned/prompt_tokens"]), int(metrics["learned/response_tokens"]))
            metrics |= self.parts.performance.metrics(sampled_tokens(drawn), learned, seconds, sampling)
        if self.config.samples_online:
            metrics |= step_metrics(step.groups, step.fresh, self.config.sampler.turns)
            metrics |= self.parts.trainer.rollouts.sampler.metrics(step.number, drawn)
            metrics["prompts_cut"] = step.cut / max(1, step.programs)
            metrics["samples_per_second"] = step.programs / seconds
            metrics["feedback_wait_share"] = wait / seconds
        metrics |= {"samples/judged": judged, "feedback/retries": self.parts.scorer.engine.retries}
        self.write(step.number + 1, metrics, step.groups, step.fresh, step.weights)

    def write(
        self,
        number: int,
        metrics: dict[str, float],
        groups: Sequence[Group],
        fresh: Sequence[Experience],
        weights: Mapping[int, Row],
    ) -> None:
        """Write and show metrics and samples.

        Args:
            number: Steps taken.
            metrics: By name.
            groups: The samples.
            fresh: What the algorithm made of them.
            weights: What was put on their tokens, by the id of the rollout.
        """
        if not self.leads:
            return
        begin = time.monotonic()
        problems = self.parts.trainer.rollouts.problems
        samples = [sample for group in groups for sample in group.samples]
        by_rollout = {id(experience.rollout): experience for experience in fresh}
        kept = [
            scored(
                sample,
                problems[sample.rollout.problem_id],
                by_rollout.get(id(sample.rollout)),
                weights.get(id(sample.rollout)),
                self._shown_prompt(sample),
            )
            for sample in samples[: self.config.training.samples_kept_per_step or len(samples)]
        ]
        rows = self.parts.recorder.write(number, kept, metrics)
        self.display.step(number, metrics, rows)
        for sign in self.signs.of(metrics):
            self.parts.recorder.event("sign", {"step": number, "text": sign})
            self.display.message(f"step {number}: {sign}")
        self.seconds = time.monotonic() - begin

    def _shown_prompt(self, sample: Sample) -> str:
        """Give what the policy was asked: the problem, or in a repair turn the text that it read."""
        if not sample.rollout.turn:
            return self.parts.trainer.rollouts.problems[sample.rollout.problem_id].prompt
        text = self.parts.policy.tokenizer.decode(sample.rollout.prompt_ids, clean_up_tokenization_spaces=False)
        return str(text)
