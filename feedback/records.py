"""The records of the feedback room: blames, and a program's feedback on the sampled tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine import Diagnostic, Report, Span, Verdict

Rewards = dict[str, NDArray[np.float32]]
"""Component name (`coarse`, `adaptive`, `fine`, `static`) -> one reward per token, float32 [T]."""

COMPONENTS = ("coarse", "adaptive", "fine", "static")


class Category(StrEnum):
    """What a diagnostic blames (RLTF section 3.2, Table 2)."""

    GLOBAL = "U_global"
    """The whole program."""
    LINE = "U_line"
    """A place in it."""
    IGNORE = "U_ignore"
    """Nothing."""


class FinishReason(StrEnum):
    """Why generation ended. Truncation is decided by this, never by a message's text."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Blame:
    """A diagnostic with what it blames, where, how strongly and why."""

    diagnostic: Diagnostic
    category: Category
    span: Span | None
    """The blamed place after refinement, or None for `U_global`, `U_ignore` and unlocated findings."""
    strength: float
    """Weight of the penalty, from 0 to 1."""
    reason: str
    """The taxonomy rule behind it, in one line."""
    also: tuple[Diagnostic, ...] = ()
    """Further diagnostics merged into this blame because they agree on the place."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of one token's reward. `component` got `amount` because of `rule`, and of `blame` if there is one."""

    component: str
    amount: float
    rule: str
    blame: Blame | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a report means for each sampled token.

    Attributes:
        report: What the engine found out about the program.
        blames: Which findings blame what, how strongly and why.
        offsets: The byte range in `report.program` of each sampled token, int32 [T, 2].
        rewards: `coarse`, `adaptive`, `fine` and `static`, float32 [T] each, before any baseline.
        executed: Whether any test ran the token's line, bool [T]; None where lines were not collected.
        contributions: What adds up to the rewards, each with its range of tokens; `explain` gives those of one token.
    """

    report: Report
    blames: tuple[Blame, ...]
    offsets: NDArray[np.int32]
    """Half-open byte range of each sampled token in `report.program`, [T, 2], empty for tokens outside it."""
    rewards: Rewards
    """Raw rewards before any baseline, float32 [T] each."""
    executed: NDArray[np.bool_] | None = None
    """Whether any test ran the token's line, [T], or None where lines were not collected."""
    contributions: tuple[tuple[tuple[int, int], Contribution], ...] = field(default=())
    """((first token, last token + 1), contribution) in order: what adds up to the rewards."""

    @property
    def total(self) -> NDArray[np.float32]:
        """Sum the components, float32 [T]."""
        total: NDArray[np.float64] = np.stack(list(self.rewards.values())).sum(axis=0, dtype=np.float64)
        return total.astype(np.float32)

    @property
    def masked(self) -> bool:
        """Say whether the sample must be left out of the loss, because we failed to judge it and all rewards are 0."""
        return self.report.execution.verdict is Verdict.INFRA

    def outcome(self, component: str) -> float:
        """Return the reward of the whole program, `coarse` or `adaptive`, which all tokens share. 0 without tokens."""
        values = self.rewards[component]
        return float(values[0]) if len(values) else 0.0

    @property
    def token_rewards(self) -> NDArray[np.float32]:
        """Return the part that differs between tokens, which is fine and static together, float32 [T]."""
        return self.rewards["fine"] + self.rewards["static"]

    def explain(self, token_index: int) -> tuple[Contribution, ...]:
        """List what adds up to one token's reward.

        The amounts of a component, summed and rounded to float32, are exactly `rewards[component][token_index]`.

        Raises:
            IndexError: there is no such token (negative indices count from the end).
        """
        tokens = len(self.offsets)
        if not -tokens <= token_index < tokens:
            raise IndexError(f"token_index: {token_index} is not one of {tokens} tokens")
        index = token_index % tokens
        return tuple(item for (first, last), item in self.contributions if first <= index < last)
