"""The critic: a copy of the initial policy's network with a linear head, and how it learns.

With four outputs it says how a program will end (CodeRL, Le et al. 2022, section 3.2), with one what is still to be
earned (PPO). It has weights and an optimizer of its own. `training.algorithms.coderl` and `ppocoder` turn its numbers
into weights on the policy's tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine import ErrorKind, Execution, Verdict
from training.errors import PolicyError
from training.models.adapters import merged_copy
from training.models.families import is_encoder_decoder, start_id
from training.models.policy import Policy

OUTCOMES = ("passed", "failed", "runtime", "syntax")
"""The classes of a critic with four outputs: CodeRL's passed, failed, runtime error (any error that is not the
compiler's) and compile error."""
PASSED = OUTCOMES.index("passed")


class Text(Protocol):
    """A prompt and what was written after it: a rollout, a weighted sequence."""

    @property
    def prompt_ids(self) -> tuple[int, ...]: ...

    @property
    def token_ids(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class Written:
    """A text that was not sampled: a reference solution, a prefix."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]


def outcome_of(execution: Execution) -> int:
    """Index into `OUTCOMES` of how a program ended.

    Raises:
        ValueError: we failed to judge it.
    """
    if execution.verdict is Verdict.INFRA:
        raise ValueError("a program that could not be judged has no outcome")
    if execution.verdict is Verdict.PASSED:
        return PASSED
    if execution.error is None:
        return OUTCOMES.index("failed")
    return OUTCOMES.index("syntax" if execution.error.kind is ErrorKind.SYNTAX else "runtime")


class Critic:
    """The network: states of the policy's architecture, a linear head on them.

    Weights are float32; matrices are multiplied in the policy's type. The head starts at zero: every outcome equally
    likely, every value 0.

    Args:
        policy: Gives architecture and initial weights; they are copied.
        outputs: `len(OUTCOMES)`, or 1 for values.
    """

    def __init__(self, policy: Policy, outputs: int) -> None:
        model = merged_copy(policy.model)
        parts = {"decoder": model.get_decoder()}
        if is_encoder_decoder(model):
            parts["encoder"] = model.get_encoder()
        body = torch.nn.ModuleDict(parts).float().requires_grad_(True)
        head = torch.nn.Linear(model.config.hidden_size, outputs)
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
        self.network = torch.nn.ModuleDict({"body": body, "head": head}).to(policy.device).eval()
        self.outputs = outputs
        self._start_id = start_id(model) if "encoder" in parts else None
        self._policy = policy

    def states(self, texts: Sequence[Text]) -> list[torch.Tensor]:
        """Final states of each text, [1 + T, H]: before its first token, then after each of its tokens."""
        with self._policy.computing():
            found = self._states(texts)
        return [states.float() for states in found]

    def _states(self, texts: Sequence[Text]) -> list[torch.Tensor]:
        body: Any = self.network["body"]
        if self._start_id is not None:
            prompts, mask = self._padded([text.prompt_ids for text in texts])
            encoded = body["encoder"](input_ids=prompts, attention_mask=mask).last_hidden_state
            ids, _ = self._padded([(self._start_id, *text.token_ids) for text in texts])
            found = body["decoder"](
                input_ids=ids, encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=False
            ).last_hidden_state
            return [row[: 1 + len(text.token_ids)] for row, text in zip(found, texts, strict=True)]
        ids, _ = self._padded([(*text.prompt_ids, *text.token_ids) for text in texts])  # causal: padding is never seen
        found = body["decoder"](input_ids=ids, use_cache=False).last_hidden_state
        first = [len(text.prompt_ids) for text in texts]
        return [found[i, n - 1 : n + len(text.token_ids)] for i, (n, text) in enumerate(zip(first, texts, strict=True))]

    def head(self, states: torch.Tensor) -> torch.Tensor:
        """Apply the linear layer, [..., H] to [..., outputs]."""
        found: torch.Tensor = self.network["head"](states)
        return found

    @torch.inference_mode()
    def token_outcomes(
        self, texts: Sequence[Text], outcomes: Sequence[int], micro_batch_tokens: int
    ) -> list[NDArray[np.float32]]:
        """`q(w_t) = softmax(Linear(h_t))[u]`, float32 [T] for each text: what each token says for the text's outcome.

        `h_t` is the state after token t was read (CodeRL eq. 8).
        """

        def values(states: torch.Tensor, index: int) -> torch.Tensor:
            return torch.softmax(self.head(states[1:]), dim=-1)[:, outcomes[index]]

        return self._each(texts, micro_batch_tokens, values)

    @torch.inference_mode()
    def prefix_outcomes(self, texts: Sequence[Text], micro_batch_tokens: int) -> list[NDArray[np.float32]]:
        """Probability of each outcome after each token, float32 [T, outcomes]: row t classifies tokens 0..t."""

        def values(states: torch.Tensor, _: int) -> torch.Tensor:
            return torch.softmax(self.head(states[1:].cummax(dim=0).values), dim=-1)

        return self._each(texts, micro_batch_tokens, values)

    @torch.inference_mode()
    def token_values(self, texts: Sequence[Text], micro_batch_tokens: int) -> list[NDArray[np.float32]]:
        """V(s_t), float32 [T] for each text: from the state before token t was written."""
        return self._each(texts, micro_batch_tokens, lambda states, _: self.head(states[:-1]).squeeze(-1))

    def _each(self, texts: Sequence[Text], tokens: int, values: Any) -> list[NDArray[np.float32]]:  # noqa: ANN401
        found: dict[int, NDArray[np.float32]] = {}
        for batch in micro_batches(texts, tokens):
            states = self.states([texts[index] for index in batch])
            for index, own in zip(batch, states, strict=True):
                found[index] = values(own, index).float().cpu().numpy()
        return [found[index] for index in range(len(texts))]

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(len(row) for row in rows)
        ids = torch.full((len(rows), width), self._policy.pad_id)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row)
            mask[index, : len(row)] = 1
        return ids.to(self._policy.device), mask.to(self._policy.device)


def load_critic(folder: Path, policy: Policy) -> Critic:
    """Load the critic that a checkpoint holds.

    Args:
        folder: The checkpoint.
        policy: Loaded from the same checkpoint: says what the network looks like.

    Raises:
        PolicyError: the folder holds none.
    """
    path = folder / "algorithm.pt"
    state = torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else {}
    if "critic" not in state:
        raise PolicyError(f"{folder}: holds no critic; train one with objective.algorithm coderl")
    weights = state["critic"]["weights"]
    critic = Critic(policy, len(weights["head.bias"]))
    critic.network.load_state_dict(weights)
    return critic


class CriticLearner:
    """Changes a critic: AdamW with gradients clipped, one step on each batch it is given.

    Args:
        critic: The network.
        learning_rate: Constant.
        micro_batch_tokens: Padded tokens in one forward and backward pass.
        gradient_clip: Largest gradient norm.
    """

    def __init__(self, critic: Critic, learning_rate: float, micro_batch_tokens: int, gradient_clip: float) -> None:
        self.critic = critic
        self.micro_batch_tokens = micro_batch_tokens
        self._clip = gradient_clip
        self._optimizer = torch.optim.AdamW(critic.network.parameters(), lr=learning_rate, weight_decay=0.0)

    def fit_outcomes(self, texts: Sequence[Text], outcomes: Sequence[int]) -> dict[str, float]:
        """Take a step on `-log p(u | W, D)` from max-pooled states (CodeRL eq. 7). Returns mean loss and accuracy.

        Raises:
            FloatingPointError: the gradient is not finite; the weights are left as they were.
        """
        total, right = 0.0, 0
        for batch in micro_batches(texts, self.micro_batch_tokens):
            states = self.critic.states([texts[index] for index in batch])
            logits = self.critic.head(torch.stack([state[1:].max(dim=0).values for state in states]))
            wanted = torch.tensor([outcomes[index] for index in batch], device=logits.device)
            loss = torch.nn.functional.cross_entropy(logits, wanted, reduction="sum") / len(texts)
            torch.autograd.backward(loss)
            total += loss.item()
            right += int((logits.argmax(dim=1) == wanted).sum())
        self._step()
        return {"critic/loss": total, "critic/accuracy": right / len(texts)}

    def fit_values(
        self,
        texts: Sequence[Text],
        returns: Sequence[NDArray[np.float32]],
        old_values: Sequence[NDArray[np.float32]],
        clip: float,
    ) -> dict[str, float]:
        """Take a step on the clipped value loss, averaged over tokens (`value_loss`). Returns it.

        Raises:
            FloatingPointError: the gradient is not finite; the weights are left as they were.
        """
        tokens, total = sum(map(len, returns)), 0.0
        for batch in micro_batches(texts, self.micro_batch_tokens):
            states = self.critic.states([texts[index] for index in batch])
            values = self.critic.head(torch.cat([state[:-1] for state in states])).squeeze(-1)
            wanted, old = (
                torch.from_numpy(np.concatenate([rows[index] for index in batch])).to(values.device)
                for rows in (returns, old_values)
            )
            loss = value_loss(values, wanted, old, clip).sum() / tokens
            torch.autograd.backward(loss)
            total += loss.item()
        self._step()
        return {"critic/loss": total}

    def state(self) -> dict[str, Any]:
        """Give weights and optimizer, for a checkpoint."""
        return {"weights": self.critic.network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.critic.network.load_state_dict(state["weights"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _step(self) -> None:
        norm = float(torch.nn.utils.clip_grad_norm_(self.critic.network.parameters(), self._clip))
        if np.isfinite(norm):
            self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        if not np.isfinite(norm):
            raise FloatingPointError(f"the critic's gradient norm is {norm}")


def value_loss(values: torch.Tensor, returns: torch.Tensor, old_values: torch.Tensor, clip: float) -> torch.Tensor:
    """`max((v - R)^2, (clip(v, v_old - clip, v_old + clip) - R)^2) / 2` of each token (PPOCoder, PPO's baselines)."""
    near = torch.clamp(values, old_values - clip, old_values + clip)
    return torch.maximum((values - returns) ** 2, (near - returns) ** 2) / 2


def micro_batches(texts: Sequence[Text], tokens: int) -> Iterator[list[int]]:
    """Batch indices of texts of similar length, at most `tokens` padded tokens in each batch, at least one text."""

    def size(index: int) -> int:
        return len(texts[index].prompt_ids) + len(texts[index].token_ids)

    batch: list[int] = []
    for index in sorted(range(len(texts)), key=size):
        if batch and size(index) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
