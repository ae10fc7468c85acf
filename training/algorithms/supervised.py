"""Supervised learning of reference solutions (RLTF eq. 7): a term of the loss that any algorithm may turn on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.algorithms.base import Algorithm, Batch
from training.algorithms.loss import PLAIN
from training.records import WeightedSequence
from training.sections import Normalisation, Weight
from training.seeds import REFERENCES, stream


class Supervised(Algorithm):
    """Learns references beside whatever a subclass learns."""

    class Section(Algorithm.Section):
        """Keys of the supervised term."""

        supervised: Weight = 0.0
        """Weight of the cross-entropy on reference solutions of training problems (eq. 7)."""
        normalisation: Normalisation = "sequence_sum"
        """Sum of a sample's token terms, averaged over samples (eq. 2); their mean, averaged over samples (GRPO); mean
        over all tokens (DAPO, RLTF's released code); sum over samples * sampler.max_new_tokens (Dr. GRPO)."""

        @property
        def learns_references(self) -> bool:
            return self.supervised > 0

    def references(self, step: int) -> Batch | None:
        """Draw reference solutions of training problems, every token with the same weight."""
        taught = [problem for problem in self.parts.problems.values() if self.parts.taught[problem.id]]
        if not (self.section.supervised and self.parts.supervised_batch and taught):
            return None
        from training.models.prompts import encode_completion

        generator = stream(REFERENCES, self.parts.seed, step)
        texts = []
        for index in generator.choice(len(taught), self.parts.supervised_batch):
            problem = taught[index]
            references = self.parts.taught[problem.id]
            reference = references[generator.integers(len(references))]
            texts.append((self.parts.prompt(problem), encode_completion(self.parts.policy, reference)))
        scales, divisor = self.scales([len(ids) for _, ids in texts])
        sequences = [
            WeightedSequence(prompt, ids, np.full(len(ids), self.section.supervised, dtype=np.float32), scale)
            for (prompt, ids), scale in zip(texts, scales, strict=True)
        ]
        return Batch(sequences, divisor, PLAIN)

    def scales(self, lengths: Sequence[int]) -> tuple[list[float], float]:
        """Normalise as `normalisation` says."""
        return normalised(lengths, self.section.normalisation, self.parts.longest)


def normalised(lengths: Sequence[int], normalisation: str, longest: int) -> tuple[list[float], float]:
    """Give what each sequence's token terms are multiplied by, and what the sum over the batch is divided by.

    Args:
        lengths: Tokens of each sequence.
        normalisation: `sequence_sum`: over samples (eq. 2). `sequence_mean`: each sample's own mean, over samples
            (GRPO). `token_mean`: over all tokens (DAPO, and RLTF's released code). `constant`: over samples times
            `longest` (Dr. GRPO).
        longest: The longest completion there can be, in tokens.
    """
    count = float(max(1, len(lengths)))
    match normalisation:
        case "sequence_mean":
            return [1.0 / max(1, length) for length in lengths], count
        case "token_mean":
            return [1.0] * len(lengths), float(max(1, sum(lengths)))
        case "constant":
            return [1.0] * len(lengths), count * longest
    return [1.0] * len(lengths), count
