"""One step of the loop. Begin reading here: `Trainer.take` is the whole method, and everything else serves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from training.algorithms import Algorithm
from training.algorithms.base import drawn_tokens
from training.buffer import Buffer
from training.learners.base import Learner
from training.ranks import Ranks
from training.records import Experience, Group, Rollout, Row, SampleRequest
from training.repairs import Repairs
from training.rollouts import Drawn, Rollouts, merged


@dataclass(slots=True)
class Step:
    """What a step did, as far as it has come."""

    number: int
    """Optimizer steps before it."""
    groups: list[Group] = field(default_factory=list)
    """The new ones. None where nothing is sampled (sft, offline)."""
    fresh: list[Experience] = field(default_factory=list)
    """What the algorithm made of them."""
    learned: list[Experience] = field(default_factory=list)
    """What was learned from: older experiences and the fresh ones."""
    weights: dict[int, Row] = field(default_factory=dict)
    """What was put on the tokens of what was learned, by the id of the experience's rollout."""
    programs: int = 0
    """Programs given to the judge, those of all processes and greedy ones included."""
    cut: int = 0
    """How many of them have a prompt that lost a part of the problem's text."""
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def drawn(self) -> list[Rollout]:
        """The rollouts of the new groups."""
        return [sample.rollout for group in self.groups for sample in group.samples]


@dataclass(slots=True)
class Trainer:
    """The parts of a step."""

    algorithm: Algorithm
    rollouts: Rollouts
    repairs: Repairs
    buffer: Buffer
    learner: Learner
    ranks: Ranks
    steps: int
    """Of the whole run."""
    online: bool
    """Whether steps sample. Otherwise the buffer holds all there is to learn from."""
    go_on: Callable[[], None]
    """Asked between portions. Raises `Stopping` where training was asked to stop."""

    def take(self, step: Step) -> None:
        """Take one optimizer step, and fill in what it did.

        Raises:
            Stopping: training was asked to stop; the step does not count.
            FloatingPointError: the gradient is not finite; the weights are as they were.
        """
        clock = _Clock()
        drawn = self._draw(step, self.algorithm.ask(self.requests(step.number)))  # judged behind
        self.rollouts.ahead(self.algorithm.ask(self.requests(step.number + 1)))
        clock.lap("time/sample")
        step.metrics["loss/supervised"] = self._learn_references(step.number)  # while the last are judged
        clock.lap("time/learn")
        step.metrics["loss/reinforced"] = 0.0
        for part, divisor in self._parts(step, drawn):
            clock.lap("time/feedback_wait")
            step.metrics["loss/reinforced"] += self._learn(step, part, divisor)
            clock.lap("time/learn")
        step.metrics |= self.learner.update()
        self.buffer.add(step.fresh)
        clock.lap("time/learn")
        step.metrics |= clock.laps

    def requests(self, number: int) -> list[SampleRequest]:
        """Choose what a step samples. Nothing where it does not, or after the last one."""
        return self.rollouts.requests(number) if self.online and number < self.steps else []

    def fill(self, go_on: Callable[[], None]) -> Step:
        """Sample the initial policy before the first step (RLTF section 3.1). This sets the first baselines.

        Args:
            go_on: Asked between portions; may raise.
        """
        step = Step(0)
        portions = self.rollouts.filling()
        ahead = self._draw(step, self.algorithm.ask(portions[0]))
        for portion in [*portions[1:], []]:
            go_on()
            drawn, ahead = ahead, self._draw(step, self.algorithm.ask(portion))  # judged while the next is sampled
            self._credited(step, self._rounds(step, drawn))
        self.buffer.add(step.fresh)
        self.algorithm.warm_up(step.fresh)
        return step

    def _draw(self, step: Step, requests: list[SampleRequest]) -> Drawn:
        drawn = self.rollouts.draw(requests)
        step.programs += len(drawn.judged)
        step.cut += sum(request.samples for request in requests if request.cut)
        return drawn

    def _rounds(
        self, step: Step, drawn: Drawn, further: Callable[[list[list[Group]]], list[SampleRequest]] = lambda _: []
    ) -> list[Group]:
        """Give all groups after further rounds: repair turns, and what the algorithm asks for beside them."""
        rounds = [self.rollouts.groups(drawn.judged)]
        while requests := [*self.repairs.requests(rounds[-1], drawn.requests), *further(rounds)]:
            drawn = self._draw(step, requests)
            rounds.append(self.rollouts.groups(drawn.judged))
        return merged(rounds)

    def _learn_references(self, number: int) -> float:
        batch = self.algorithm.references(number)
        return self.learner.accumulate(batch.sequences, batch.divisor, batch.loss) if batch else 0.0

    def _parts(self, step: Step, drawn: Drawn) -> Iterator[tuple[list[Experience], float | None]]:
        """Yield what is learned from, part by part, with what its loss is divided by (None: as its batch says).

        Older experiences come first, while the newest are judged. A part divides by all tokens of the step; those of
        samples that we failed to judge count too, and add nothing. Where the algorithm must see the whole step, and
        where further rounds decide what there is, all of it is one part.
        """
        if self.algorithm.whole_step or self.repairs.turns > 1:
            groups = self._rounds(step, drawn, lambda rounds: self.algorithm.further(rounds, step.number))
            fresh = self._credited(step, groups)
            yield [*self.buffer.older(step.number, len(fresh)), *fresh], None
            return
        new = drawn.sampled
        older = self.buffer.older(step.number, len(new))
        lengths = [drawn_tokens(experience.rollout) for experience in older] + list(map(drawn_tokens, new))
        _, divisor = self.algorithm.scales(lengths)
        yield older, divisor
        for groups in self.rollouts.portions_of(drawn):
            yield self._credited(step, groups), divisor

    def _credited(self, step: Step, groups: list[Group]) -> list[Experience]:
        fresh = list(chain(*map(self.algorithm.credit, groups)))
        step.groups += groups
        step.fresh += fresh
        return fresh

    def _learn(self, step: Step, experiences: list[Experience], divisor: float | None) -> float:
        self.ranks.gather(self.go_on)
        step.learned += experiences
        batch = self.algorithm.batch(experiences, step.number)
        step.metrics |= batch.metrics
        pairs = zip(experiences, batch.sequences, strict=True)
        step.weights |= {id(experience.rollout): sequence.weights for experience, sequence in pairs}
        return self.learner.accumulate(batch.sequences, divisor or batch.divisor, batch.loss)


class _Clock:
    """Adds up the wall time of a step's phases."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps = dict.fromkeys(("time/sample", "time/learn", "time/feedback_wait"), 0.0)

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] += now - self._last
        self._last = now
