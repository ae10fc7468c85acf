"""GRPO and two that mend it, Dr. GRPO and DAPO: rewards compared within the group."""

from __future__ import annotations

from training.algorithms.policy_gradient import PolicyGradient
from training.sections import Baselines, Clip, Count, Normalisation, Weight


class Grpo(PolicyGradient):
    """GRPO (DeepSeekMath, eq. 3): rewards standardised within the group."""

    class Section(PolicyGradient.Section):
        """Program-level rewards alone. `fine` and `static` above 0 add rewards on tokens."""

        adaptive: Weight = 1.0
        baseline: Baselines = "group_mean"
        group_std: bool = True
        normalisation: Normalisation = "sequence_mean"
        clip_low: Clip = 0.2
        clip_high: Weight = 0.2


class DrGrpo(Grpo):
    """Dr. GRPO (Liu et al. 2025): no division by deviation or length."""

    class Section(Grpo.Section):
        """GRPO without its biases."""

        group_std: bool = False
        normalisation: Normalisation = "constant"


class Dapo(Grpo):
    """DAPO (Yu et al. 2025): a higher upper clip, mean over tokens, dynamic sampling."""

    class Section(Grpo.Section):
        """GRPO with these. `overlong` is theirs too."""

        normalisation: Normalisation = "token_mean"
        clip_high: Weight = 0.28
        resampling: Count = 2
