"""Signs in a run's metrics that something is wrong with it although nothing fails."""

from __future__ import annotations

from collections.abc import Mapping

_PATIENCE = 5
"""Steps in a row, before a sign is told."""
_CUT = 0.5
_DRIFT = 0.02
"""KL divergence of sampler and learner, nats a token. Rounding in bfloat16 makes 1e-4, samples of the last three steps
up to 0.008 in the shipped run, and an output head that never changed 0.03."""


class Signs:
    """Reads the metrics of one step after the other. A sign is told once, and again only after it was gone."""

    def __init__(self) -> None:
        self._steps: dict[str, int] = {}

    def of(self, metrics: Mapping[str, float]) -> list[str]:
        """Say what the metrics of the newest step, with those before it, are a sign of."""
        silent, cut = metrics.get("groups/without_signal", 0.0), metrics.get("completions/cut_share", 0.0)
        drift = metrics.get("policy/kl_from_sampler", 0.0)
        signs = {
            "no group has any signal": (
                silent >= 1,
                f"no group has had any signal for {_PATIENCE} steps: the samples of each problem all earn the same, so"
                " the reinforced loss is 0 by construction and nothing is learned from them",
            ),
            "completions are cut off": (
                cut >= _CUT,
                f"{cut:.0%} of the completions were cut off at sampler.max_new_tokens, for {_PATIENCE} steps",
            ),
            "the sampler drifts": (
                abs(drift) >= _DRIFT,
                f"sampler and learner differ by {drift:.2g} nats a token, for {_PATIENCE} steps: other weights, another"
                " tokenizer, another precision or too large steps (policy/kl_from_sampler)",
            ),
        }
        told = []
        for name, (seen, text) in signs.items():
            self._steps[name] = self._steps.get(name, 0) + 1 if seen else 0
            if self._steps[name] == _PATIENCE:
                told.append(text)
        return told
