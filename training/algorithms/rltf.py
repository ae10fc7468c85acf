"""RLTF (Liu et al. 2023): this project's own, as the paper's equations say, and as the published code computes it.

Each learns references too (eq. 6, 7), and compares outcomes with the policy's best program so far.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import model_validator

from training.algorithms.policy_gradient import PolicyGradient
from training.sections import Baselines, Clip, Normalisation, Weight


class Rltf(PolicyGradient):
    """This project's rewards and mask. Each sample is learned from three times, through the clipped ratio."""

    reuse: ClassVar[int] = 3

    class Section(PolicyGradient.Section):
        """All four rewards, a mask and a ratio."""

        supervised: Weight = 1.0
        fine: Weight = 1.0
        adaptive: Weight = 1.0
        static: Weight = 1.0
        mask_unexecuted: bool = True
        baseline: Baselines = "historical_best"
        clip_low: Clip = 0.2
        clip_high: Weight = 0.28


class RltfPaper(PolicyGradient):
    """Equations 2 to 10 exactly."""

    defaults: ClassVar = {"buffer": {"initial": 1024}}
    needs: ClassVar = {"feedback": {"mode": "paper"}}

    class Section(PolicyGradient.Section):
        """Three rewards."""

        supervised: Weight = 1.0
        fine: Weight = 1.0
        adaptive: Weight = 1.0
        baseline: Baselines = "historical_best"


class RltfRelease(PolicyGradient):
    """The published code: adaptive in place of coarse, no alpha, a greedy baseline."""

    needs: ClassVar = {"feedback": {"mode": "release"}}

    class Section(RltfPaper.Section):
        """The same, normalised over tokens."""

        baseline: Baselines = "greedy"
        normalisation: Normalisation = "token_mean"

        @model_validator(mode="after")
        def _one_reward(self) -> Any:  # noqa: ANN401
            if self.adaptive != self.coarse:
                raise ValueError("adaptive: 'rltf_release' has it in place of coarse, so the two weights must be equal")
            return self
