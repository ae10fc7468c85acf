"""The border to samplers, which draw completions. Its defaults are those of a sampler in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from training.records import Rollout, SampleRequest


class Sampler:
    """Draws completions from the present policy."""

    version = 0
    """Number of optimizer steps that the policy had seen when it was last followed."""
    longest: int | None = None
    """Most tokens of prompt and completion together, where something else than the model bounds them."""

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Rollout]]:
        """Yield every request's rollouts batch by batch as they finish, in any order.

        An empty batch now and then lets the caller check whether it should stop.

        Raises:
            ServerError: the backend is gone.
        """
        raise NotImplementedError

    def ahead(self, requests: Sequence[SampleRequest]) -> None:
        """Begin with requests that `sample` will be given later. By default nothing is begun."""

    def follow(self, version: int, go_on: Callable[[], None] = lambda: None) -> None:  # noqa: ARG002
        """Take the policy's present weights. By default they are shared, and there is nothing to take.

        Args:
            version: Number of optimizer steps that they have seen.
            go_on: Called now and then meanwhile. It may raise to abort.
        """
        self.version = version

    def metrics(self, step: int, rollouts: Sequence[Rollout]) -> dict[str, float]:  # noqa: ARG002
        """Return metrics of a step's rollouts. By default there are none."""
        return {}

    def close(self) -> None:
        """Release the backend."""


def drawing_order(requests: Sequence[SampleRequest]) -> list[SampleRequest]:
    """Sort requests for batching, with equal drawings together and then by length.

    Sums of floating-point numbers depend on the order of rollouts, so every run puts them in this one.
    """
    drawings = list(dict.fromkeys(request.drawing for request in requests))
    return sorted(
        requests, key=lambda request: (drawings.index(request.drawing), len(request.begun), len(request.prompt_ids))
    )


def too_small(longest: int, what: str, prompt: int, completion: int) -> str:
    """Say that a sampler takes fewer tokens than are needed."""
    return (
        f"{what}: its prompt of {prompt} tokens and a completion of {completion} do not fit into the {longest} that the"
        " servers take: start them with a larger window (vLLM: --max-model-len; SGLang: --context-length) or give a"
        " smaller model.max_prompt_tokens"
    )
