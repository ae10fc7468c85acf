"""Objectives as plain functions: experiences to token weights, token weights to a loss.

An algorithm is a set of weights on tokens and the terms of the loss around them (`training.config` names the sets).
What this package does not do: run a model, sample or judge. The learner does not know which algorithm made the weights.
"""

from training.objective.loss import LossTerms, token_losses
from training.objective.shaping import shaped
from training.objective.weights import Batch, sequence_scales, token_weights, weighted_batch

__all__ = ["Batch", "LossTerms", "sequence_scales", "shaped", "token_losses", "token_weights", "weighted_batch"]
