"""A whole evaluation: a model at one or several temperatures, and the samples that it still lacks.

plan = EvaluationPlan(ModelSection(name="embedded:short"), samples=10, temperatures=(0.0, 0.6))
samples = list(plan.missing(problems))  # drawn and judged
rows = rows_of(samples, ks=[1, 5], ns=[1])  # training.evaluation.results
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from engine import Judge, Problem
from training.algorithms.critic import load_critic
from training.evaluation.critic_sampling import critic_sampled
from training.evaluation.fingerprints import fingerprint_of_model, fingerprint_of_problems
from training.evaluation.rates import evaluate, sample_of
from training.evaluation.results import Sample
from training.models.lengths import fitting, limited
from training.models.policy import Policy, load_policy, resolve
from training.records import Drawing
from training.samplers import Sampler, check_window, open_sampler
from training.sections import ModelSection, SamplerSection

_CRITIC_PROBLEMS = 16
"""Problems that are sampled with the critic together."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What is sampled, and how."""

    model: ModelSection
    """The model, what it reads and where its programs end."""
    samples: int = 10
    """Programs for each problem. One where the temperature is 0."""
    temperatures: tuple[float, ...] = (1.0,)
    """0 is greedy."""
    top_p: float = 1.0
    max_new_tokens: int = 256
    seed: int = 0
    """Everything random is a function of it."""
    critic_sampling: bool = False
    """Refine and repair with the critic that the model's checkpoint holds."""
    sampler: SamplerSection = field(default_factory=SamplerSection)
    """What draws: `backend` and `servers`, as in training."""

    def settings(self, problems: Sequence[Problem]) -> dict[str, Any]:
        """Give what makes this evaluation of `problems` this one and not another, as plain data."""
        return {
            **{setting.name: getattr(self, setting.name) for setting in fields(self) if setting.name != "sampler"},
            "model": self.model.name,
            "temperatures": list(self.temperatures),
            **self.model.model_dump(
                mode="json", include={"prompt_format", "extract", "stop", "dtype", "max_prompt_tokens", "long_prompts"}
            ),
            "weights": fingerprint_of_model(Path(resolve(self.model.name))),
            "problems": fingerprint_of_problems(problems),
            **({} if self.sampler.backend == "transformers" else {"backend": self.sampler.backend}),
        }

    def size(self, problems: Sequence[Problem]) -> int:
        """Count the samples of the whole evaluation."""
        return len(problems) * sum(self.samples if temperature else 1 for temperature in self.temperatures)

    def missing(
        self,
        problems: Sequence[Problem],
        done: Sequence[Sample] = (),
        *,
        workers: int = 1,
        batch_size: int = 64,
        folder: Path | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Sample]:
        """Draw and judge what `done` lacks.

        Args:
            problems: All of the evaluation's.
            done: Samples of an earlier session with the same settings.
            workers: Sandbox workers.
            batch_size: Sequences generated together, or requests that each server has at once.
            folder: Where servers find the weights; None: a temporary one.
            tell: Shows a line to the user.

        Raises:
            ConfigError: the servers cannot be used.
            ServerError: no server is left.
            PolicyError: the model cannot be loaded, or holds no critic where one is asked for.
            SandboxError: programs cannot be confined here.
        """
        policy = limited(load_policy(self.model), self.max_new_tokens)
        section = self.sampler.model_copy(update={"max_new_tokens": self.max_new_tokens, "batch_size": batch_size})
        counts = [self.samples if temperature else 1 for temperature in self.temperatures]
        problems = fitting(policy, problems, "the data", tell, rows=section.rows, samples=counts)
        with tempfile.TemporaryDirectory(prefix="rltf-served-") as served, Judge(workers=workers) as judge:
            sampler = open_sampler(section, policy, folder or Path(served))
            try:
                check_window(sampler, policy, problems, self.max_new_tokens)
                sampler.follow(0)
                for temperature in self.temperatures:
                    drawing = Drawing(temperature, self.top_p if temperature else 1.0)
                    have = [sample for sample in done if sample.temperature == temperature]
                    if self.critic_sampling:
                        yield from self._with_critic(policy, sampler, judge, problems, drawing, have)
                        continue
                    count = self.samples if temperature else 1
                    yield from evaluate(
                        policy, sampler, judge, problems, count, drawing, done=have, seed=self.seed, rows=batch_size
                    )
            finally:
                sampler.close()

    def _with_critic(
        self,
        policy: Policy,
        sampler: Sampler,
        judge: Judge,
        problems: Sequence[Problem],
        drawing: Drawing,
        done: Sequence[Sample],
    ) -> Iterator[Sample]:
        """Take a few problems at a time. A problem's samples are one piece of work, done again if one is missing."""
        critic = load_critic(Path(resolve(self.model.name)), policy)
        have = {(sample.problem_id, sample.sample) for sample in done}
        left = [
            problem for problem in problems if any((problem.id, index) not in have for index in range(self.samples))
        ]
        for start in range(0, len(left), _CRITIC_PROBLEMS):
            chunk = {problem.id: problem for problem in left[start : start + _CRITIC_PROBLEMS]}
            drawn = critic_sampled(
                policy, critic, sampler, judge, list(chunk.values()), self.samples, drawing, seed=self.seed
            )
            for sample in drawn:
                if (sample.problem_id, sample.rollout.sample) not in have:
                    yield sample_of(sample, chunk[sample.problem_id], drawing.temperature)
