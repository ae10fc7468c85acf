"""The border to whatever draws completions. Its defaults are those of a sampler in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from training.records import Rollout, SampleRequest


class Sampler:
    """Draws completions from the present policy."""

    version = 0
    """Optimizer steps that the policy had seen when it was last followed."""

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Rollout]]:
        """Yield every request's rollouts batch by batch as they finish, in any order.

        An empty batch now and then lets the caller look whether it should stop.

        Raises:
            ServerError: the backend is gone.
        """
        raise NotImplementedError

    def ahead(self, requests: Sequence[SampleRequest]) -> None:
        """Begin with requests that `sample` will be given later; by default nothing is begun."""

    def follow(self, version: int, go_on: Callable[[], None] = lambda: None) -> None:  # noqa: ARG002
        """Take the policy's present weights; by default they are shared, and there is nothing to take.

        Args:
            version: Optimizer steps that they have seen.
            go_on: Asked while it takes time; may raise, which breaks it off.
        """
        self.version = version

    def metrics(self, step: int, rollouts: Sequence[Rollout]) -> dict[str, float]:  # noqa: ARG002
        """Tell what is worth watching of a step's rollouts; by default nothing."""
        return {}

    def close(self) -> None:
        """Part from whatever draws."""


def drawing_order(requests: Sequence[SampleRequest]) -> list[SampleRequest]:
    """Sort requests as a batch wants them: those drawn alike together, then by length.

    Sums of floating-point numbers depend on the order of rollouts, so every run puts them in this one.
    """
    drawings = list(dict.fromkeys(request.drawing for request in requests))
    return sorted(requests, key=lambda each: (drawings.index(each.drawing), len(each.begun), len(each.prompt_ids)))
