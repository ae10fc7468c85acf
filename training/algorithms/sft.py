"""SFT: reference solutions alone (RLTF eq. 7). Nothing is sampled in the steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from training.algorithms.supervised import Supervised
from training.sections import SamplerSection, TrainingSection, Weight


class Sft(Supervised):
    """The supervised term of the other algorithms, by itself."""

    samples: ClassVar[bool] = False

    class Section(Supervised.Section):
        """The term is all there is."""

        supervised: Weight = 1.0

        def misfits(self, sampler: SamplerSection, training: TrainingSection) -> Iterator[str]:
            yield from super().misfits(sampler, training)
            if not self.supervised:
                yield f"objective.supervised: {self.algorithm!r} has nothing else to learn from, so it must be above 0"
            if not training.supervised_batch:
                yield f"training.supervised_batch: {self.algorithm!r} has nothing else to learn from, so not 0"
            if training.rollouts == "offline":
                yield f"training.rollouts: 'offline' means nothing to {self.algorithm!r}, which never samples"
