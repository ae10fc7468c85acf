"""The `objective` and `critic` sections of the configuration: what is learned, and what algorithms' names stand for.

What this module does not do: compute any of it (`training.objective`), or check it against other sections
(`training.config`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Algorithm = Literal["rltf", "rltf_paper", "rltf_release", "grpo", "dr_grpo", "dapo", "coderl", "ppocoder", "sft"]

_NO_RATIO: dict[str, object] = {"clip_low": 0.0, "clip_high": 0.0}
_GRPO: dict[str, object] = {
    "supervised": 0.0,
    "fine": 0.0,
    "static": 0.0,
    "mask_unexecuted": False,
    "baseline": "group_mean",
    "clip_low": 0.2,
    "clip_high": 0.2,
}
PRESETS: dict[str, dict[str, object]] = {
    "rltf": {},
    "rltf_paper": {
        **_NO_RATIO,
        "static": 0.0,
        "mask_unexecuted": False,
        "baseline": "historical_best",
    },
    "rltf_release": {
        **_NO_RATIO,
        "static": 0.0,
        "mask_unexecuted": False,
        "baseline": "greedy",
        "normalisation": "token_mean",
    },
    "grpo": {**_GRPO, "group_std": True, "normalisation": "sequence_mean"},
    "dr_grpo": {**_GRPO, "normalisation": "constant"},
    "dapo": {**_GRPO, "group_std": True, "normalisation": "token_mean", "clip_high": 0.28, "resampling": 2},
    "coderl": {
        **_NO_RATIO,
        "fine": 0.0,
        "adaptive": 0.0,
        "static": 0.0,
        "mask_unexecuted": False,
        "baseline": "greedy",
        "critic_factor": True,
    },
    "ppocoder": {
        "supervised": 0.0,
        "fine": 0.0,
        "adaptive": 0.0,
        "static": 0.0,
        "mask_unexecuted": False,
        "baseline": "none",
        "normalisation": "token_mean",
        "clip_low": 0.2,
        "clip_high": 0.2,
        "kl": 0.1,
        "kl_target": 1.0,
    },
    "sft": {
        **_NO_RATIO,
        "coarse": 0.0,
        "fine": 0.0,
        "adaptive": 0.0,
        "static": 0.0,
        "mask_unexecuted": False,
        "baseline": "none",
    },
}
"""What an algorithm's name stands for: defaults of the other `objective` keys (docs/objectives.md)."""
REWARD_MODES = {"rltf_paper": "paper", "rltf_release": "release"}
"""The `feedback.mode` that an algorithm cannot do without."""
_ONE_STEP: dict[str, object] = {"capacity": 128, "batch_size": 128}
BUFFERS: dict[str, dict[str, object]] = {
    "rltf_paper": {**_ONE_STEP, "initial": 1024},
    "rltf_release": _ONE_STEP,
    "grpo": _ONE_STEP,
    "dr_grpo": _ONE_STEP,
    "dapo": _ONE_STEP,
    "coderl": {**_ONE_STEP, "initial": 1024},
    "ppocoder": {**_ONE_STEP, "initial": 1024},
}
"""Defaults of the `buffer` keys that come with an algorithm's name: a step's samples are learned from once."""


class Section(BaseModel):
    """A section: keys it does not know are refused, and its docstrings are the help texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class ObjectiveSection(Section):
    """L = supervised + coarse + fine + adaptive (+ static), eq. 6; each a weight on its loss."""

    algorithm: Algorithm = "rltf"
    """Sets the defaults of the other `objective` keys, of `buffer` and of feedback.mode (docs/objectives.md); each can
    still be given."""
    supervised: Weight = 1.0
    """Weight of the cross-entropy on reference solutions of training problems (eq. 7)."""
    coarse: Weight = 1.0
    """Weight of the outcome reward (eq. 8)."""
    fine: Weight = 1.0
    """Weight of the reward on blamed tokens (eq. 9)."""
    adaptive: Weight = 1.0
    """Weight of the share of tests passed (eq. 10)."""
    static: Weight = 1.0
    """Weight of what the linters blame in failing programs (not in the paper)."""
    adaptive_reward: Literal["pass_ratio", "binary", "difficulty"] = "pass_ratio"
    """What the adaptive reward rises with: tests passed; all tests or none; tests, weighed by how few of the problem's
    samples pass them."""
    overlong: Count = 0
    """A completion within so many tokens of sampler.max_new_tokens loses up to 1 of coarse reward (DAPO); 0: off."""
    mask_unexecuted: bool = True
    """No coarse and adaptive reward on tokens of lines that no test ran (StepCoder; not in the paper)."""
    baseline: Literal["historical_best", "greedy", "leave_one_out", "group_mean", "none"] = "historical_best"
    """What coarse and adaptive rewards are compared with: the policy's best program so far (the paper), its likeliest
    one (one more sample per problem), or the problem's other samples in the step."""
    group_std: bool = False
    """Divide by the standard deviation of the group's rewards (GRPO); needs baseline group_mean or leave_one_out."""
    normalisation: Literal["sequence_sum", "sequence_mean", "token_mean", "constant"] = "sequence_sum"
    """Sum of a sample's token terms, averaged over samples (eq. 2); their mean, averaged over samples (GRPO); mean over
    all tokens (DAPO, RLTF's released code); sum over samples * sampler.max_new_tokens (Dr. GRPO)."""
    resampling: Count = 0
    """Leave out problems whose samples leave nothing to learn, and sample others in their place, at most so many times
    a step (DAPO's dynamic sampling); 0: keep all."""
    clip_low: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """With clip_high: weight by the ratio of new to sampling policy, at least 1 - clip_low; 0: no ratio."""
    clip_high: Weight = 0.28
    """The ratio's upper bound is 1 + clip_high; 0: no ratio (plain REINFORCE)."""
    kl: Weight = 0.0
    """Weight of the KL divergence from the initial policy, which takes a second copy of the weights; 0: none.
    ppocoder: in the rewards and not in the loss, and only to begin with."""
    kl_target: Weight = 0.0
    """ppocoder: KL of a sample, in nats, that the weight is adapted to keep; 0 leaves the weight as it is."""
    critic_factor: bool = False
    """Multiply each token's weight by a critic's probability of the program's outcome there (CodeRL; RLTF's released
    code)."""
    entropy: Weight = 0.0
    """Weight of the entropy of the policy's next-token distribution, which is rewarded; 0: none."""

    @model_validator(mode="before")
    @classmethod
    def _lay_over_preset(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {**PRESETS.get(str(given.get("algorithm", "rltf")), {}), **given}

    @model_validator(mode="after")
    def _fits_together(self) -> ObjectiveSection:
        if self.group_std and self.baseline not in ("group_mean", "leave_one_out"):
            raise ValueError(f"group_std: true needs baseline group_mean or leave_one_out, not {self.baseline!r}")
        if bool(self.clip_low) != bool(self.clip_high):
            raise ValueError("clip_low: and clip_high go together: both 0 (no ratio) or both above")
        if self.adaptive_reward != "pass_ratio" and not self.adaptive:
            raise ValueError(f"adaptive_reward: {self.adaptive_reward!r} has no effect with adaptive 0")
        if self.overlong and not self.coarse:
            raise ValueError(f"overlong: {self.overlong} has no effect with coarse 0")
        if self.algorithm == "rltf_release" and self.adaptive != self.coarse:
            raise ValueError("adaptive: 'rltf_release' has it in place of coarse, so the two weights must be equal")
        if self.algorithm == "ppocoder" and self.critic_factor:
            raise ValueError("critic_factor: must be false with 'ppocoder', whose critic gives values")
        if self.kl_target and self.algorithm != "ppocoder":
            raise ValueError("kl_target: only 'ppocoder' adapts its KL weight, so it must be 0")
        rewards = [name for name in ("coarse", "fine", "adaptive", "static") if getattr(self, name)]
        if self.algorithm != "sft":
            if not rewards:
                raise ValueError("algorithm: without coarse, fine, adaptive and static nothing is left but 'sft'")
            return self
        others = ("clip_high", "kl", "entropy", "resampling", "critic_factor")
        idle = [*rewards, *(name for name in others if getattr(self, name))]
        if idle:
            raise ValueError(f"algorithm: 'sft' learns from references alone: {', '.join(idle)} must be 0")
        if not self.supervised:
            raise ValueError("supervised: 'sft' has nothing else to learn from, so it must be above 0")
        return self


class CriticSection(Section):
    """The critic of coderl, ppocoder and objective.critic_factor: a second network like the policy's."""

    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Of its own AdamW, constant. For the embedded models; CodeRL takes 2e-5 for a pre-trained one."""
    warmup_steps: Count = 20
    """Steps it takes on the initial samples (buffer.initial), before the policy's first."""
