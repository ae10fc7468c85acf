"""The border to whatever is learned from judged programs. Its defaults are REINFORCE with the rewards of `feedback`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from engine import Problem, Similarity
from feedback import RewardSettings
from training import sections
from training.algorithms.loss import PLAIN, Loss
from training.ranks import Ranks
from training.records import NO_BASELINE, Experience, Group, Rollout, SampleRequest, WeightedSequence
from training.sections import CriticSection, SamplerSection, TrainingSection

if TYPE_CHECKING:
    from training.models.policy import Policy

DEFAULT = "rltf"
"""Name of the algorithm where none is given."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a run an algorithm may use."""

    policy: Policy
    problems: Mapping[str, Problem]
    """Those to train on, by id."""
    prompt: Callable[[Problem], tuple[int, ...]]
    """Token ids of what the policy reads for a problem."""
    taught: Mapping[str, tuple[str, ...]]
    """The references of each problem as completions."""
    request: Callable[[str, int], SampleRequest]
    """The usual samples of a problem in a step."""
    compare: Callable[[bytes, tuple[str, ...]], Future[Similarity]]
    """How alike a program and the most similar of some references are."""
    ranks: Ranks
    seed: int
    """Of the run. `training.seeds` has the streams."""
    longest: int
    """Tokens of the longest completion."""
    supervised_batch: int
    """References in a step's supervised term."""
    batch_size: int
    """Experiences that are learned from together."""
    rewards: RewardSettings
    critic: CriticSection
    micro_batch_tokens: int
    gradient_clip: float
    tell: Callable[[str], None] = lambda _: None
    """Shows a line to the user."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a learner is told of one batch: `sum over sequences and tokens of scale * loss / divisor`."""

    sequences: list[WeightedSequence]
    divisor: float
    loss: Loss
    metrics: dict[str, float] = field(default_factory=dict)
    """What making the weights had to say."""


class Algorithm:
    """What is learned from judged programs. A published method is one subclass in one file. Every hook has a default.

    The hooks stand in the order of a step. `ask` is called for the next step too, and `warm_up` before the first one.
    """

    samples: ClassVar[bool] = True
    """Whether it learns from samples at all."""
    reuse: ClassVar[int] = 1
    """Steps that learn from a sample, where the section `has_ratio`."""
    defaults: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """Defaults of other sections' keys: section -> key -> value."""
    needs: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """The same for values that it cannot do without."""

    class Section(sections.Section):
        """The algorithm's keys. The defaults of its class are the published numbers."""

        algorithm: str = DEFAULT
        """What is learned. Each has keys and defaults of its own here, and sets defaults of `buffer` and feedback.mode
        (docs/objectives.md)."""

        def misfits(self, sampler: SamplerSection, training: TrainingSection) -> Iterator[str]:  # noqa: ARG002
            """Say what is wrong with these keys beside others of the run. Each message begins with a key."""
            yield from ()

        def needs_lines(self, rewards: bool) -> bool:
            """Say whether it makes anything of the lines that tests run. `rewards` says whether those on tokens do."""
            return rewards

        @property
        def keeps_reference(self) -> bool:
            """Whether it keeps the initial weights in memory beside the learned ones."""
            return False

        @property
        def has_ratio(self) -> bool:
            """Whether the loss has a ratio that bounds what older samples do."""
            return False

        @property
        def learns_references(self) -> bool:
            """Whether references have a part in the loss."""
            return False

    def __init__(self, section: Section, parts: Parts) -> None:
        self.section: Any = section
        self.parts = parts

    @property
    def whole_step(self) -> bool:
        """Whether a step must be seen at once. Else its first problems are learned from while the last are judged."""
        return False

    def ask(self, requests: Sequence[SampleRequest]) -> list[SampleRequest]:
        """Say what is sampled in a step, given the usual requests."""
        return list(requests)

    def references(self, step: int) -> Batch | None:  # noqa: ARG002
        """Give texts to learn without feedback, while the step's last samples are judged."""
        return None

    def further(self, rounds: Sequence[Sequence[Group]], step: int) -> list[SampleRequest]:  # noqa: ARG002
        """Say what else is to be sampled in a step, given the groups that each round of it brought so far.

        Samples of a problem that was asked before join its group. Needs `whole_step`.
        """
        return []

    def credit(self, group: Group) -> list[Experience]:
        """Turn a problem's judged samples into experiences: rewards, baseline, and the advantage of each token.

        A group that is to be left out gives none.
        """
        return [
            Experience(sample.rollout, sample.feedback, NO_BASELINE, sample.feedback.total.astype(np.float32))
            for sample in group.samples
        ]

    def batch(self, experiences: Sequence[Experience], step: int) -> Batch:  # noqa: ARG002
        """Put the loss around the experiences' weights."""
        scales, divisor = self.scales([drawn_tokens(experience.rollout) for experience in experiences])
        sequences = [
            WeightedSequence(
                experience.rollout.prompt_ids,
                experience.rollout.token_ids,
                experience.weights,
                scale=scale,
                old_logprobs=np.array(experience.rollout.logprobs, dtype=np.float32),
                begun=experience.rollout.begun,
            )
            for experience, scale in zip(experiences, scales, strict=True)
        ]
        return Batch(sequences, divisor, self.loss())

    def scales(self, lengths: Sequence[int]) -> tuple[list[float], float]:
        """Give what each sequence's loss is multiplied by, and what the sum over a batch is divided by."""
        return [1.0] * len(lengths), float(max(1, len(lengths)))

    def loss(self) -> Loss:
        """Give the loss of a token."""
        return PLAIN

    def warm_up(self, experiences: Sequence[Experience]) -> None:
        """Use the samples of the initial policy, before the first step."""

    def state(self) -> dict[str, Any]:
        """Give what a resumed run needs, as plain data and tensors."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""


def drawn_tokens(rollout: Rollout) -> int:
    """Count the tokens that the policy itself drew."""
    return len(rollout.token_ids) - rollout.begun
