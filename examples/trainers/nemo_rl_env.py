"""NeMo-RL with rewards from `rltf serve`: an environment of one turn, with one reward for each response.

    rltf serve --extract fence
    env: {rltf: {url: "http://127.0.0.1:8731"}}     # in the configuration of your training

`metadata` of each row is `{"problem": JSON text}`.
"""

import os

import ray
import torch
from nemo_rl.environments.interfaces import EnvironmentInterface, EnvironmentReturn

from integrations.client import ScoreClient


class RltfEnvironment(EnvironmentInterface):
    """Scores the last replies of a batch in one request."""

    def __init__(self, cfg=None):
        self.client = ScoreClient(cfg["url"], os.environ.get("RLTF_SERVE_TOKEN", ""))

    def step(self, message_log_batch, metadata):
        """Score the replies; all episodes end."""
        items = [
            {"completion": log[-1]["content"], "problem": facts["problem"]}
            for log, facts in zip(message_log_batch, metadata, strict=True)
        ]
        results = self.client.score(items)
        if lost := [result for result in results if "problem_error" in result or result["masked"]]:
            raise RuntimeError(f"not scored: {lost[0]}")  # NeMo-RL's environments cannot leave a sample out
        ended = torch.ones(len(items))
        return EnvironmentReturn(
            observations=[{"role": "environment", "content": result["verdict"]} for result in results],
            metadata=metadata,
            next_stop_strings=[None] * len(items),
            rewards=torch.tensor([result["coarse"] + result["adaptive"] for result in results]),
            terminateds=ended,
            answers=None,
        )

    def global_post_process_and_metrics(self, batch):
        """Give the mean reward of a step."""
        return batch, {"reward": batch["total_reward"].mean().item()}


RltfActor = ray.remote(RltfEnvironment)
