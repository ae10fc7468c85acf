"""What a report means for each token: blame, spans, rewards.

What this package does not do: know models or optimisers; it needs numpy and not torch. See docs/architecture.md.
"""

from feedback.records import COMPONENTS, Blame, Category, Contribution, Feedback, FinishReason, Rewards

__all__ = ["COMPONENTS", "Blame", "Category", "Contribution", "Feedback", "FinishReason", "Rewards"]
