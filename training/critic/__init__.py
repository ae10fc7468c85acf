"""The critic of coderl and ppocoder: the network and how it learns (`network`), and its part in a step (`step`).

What this package does not do: sample with it (`training.evaluation.critic_sampling`).
"""
