"""NeMo-RL with rewards from `rltf serve`: an environment of one turn, with one reward for each response.

    rltf serve --extract fence
    PYTHONPATH=$RLTF:$RLTF/examples/trainers uv run python -m nemo_rl_env --config rltf.yaml     # in NeMo-RL's checkout

The script registers the environment `rltf` and then runs NeMo-RL's own `examples/run_grpo.py`. The metadata of each row
is `{"ground_truth": JSON text of its problem}`, which NeMo-RL makes of the data set's `output_key`.
"""

import os
import runpy

import ray
import torch
from nemo_rl.distributed.ray_actor_environment_registry import ACTOR_ENVIRONMENT_REGISTRY
from nemo_rl.distributed.virtual_cluster import PY_EXECUTABLES
from nemo_rl.environments.interfaces import EnvironmentInterface, EnvironmentReturn
from nemo_rl.environments.utils import register_env

from integrations.client import ScoreClient


class RltfEnvironment(EnvironmentInterface):
    """Scores the last replies of a batch at the service at `env.rltf.url`."""

    def __init__(self, cfg):
        self.client = ScoreClient(cfg["url"], os.environ.get("RLTF_SERVE_TOKEN", ""))

    def step(self, message_log_batch, metadata):
        """Score the replies; all episodes end."""
        items = [
            {"completion": log[-1]["content"], "problem": facts["ground_truth"]}
            for log, facts in zip(message_log_batch, metadata, strict=True)
        ]
        results = self.client.score(items)
        if lost := [result for result in results if "problem_error" in result or result["masked"]]:
            raise RuntimeError(f"not scored: {lost[0]}")  # NeMo-RL's environments cannot leave a sample out
        return EnvironmentReturn(
            observations=[{"role": "environment", "content": result["verdict"]} for result in results],
            metadata=metadata,
            next_stop_strings=[None] * len(items),
            rewards=torch.tensor([result["coarse"] + result["adaptive"] for result in results]),
            terminateds=torch.ones(len(items), dtype=torch.bool),
            answers=None,
        )

    def global_post_process_and_metrics(self, batch):
        """Give the mean reward of a step."""
        return batch, {"reward": batch["total_reward"].mean().item()}

    def shutdown(self):
        """End. There is nothing to close."""


# NeMo-RL's asynchronous rollouts send each sample in a call of its own. One call at a time would be a queue.
RltfActor = ray.remote(max_concurrency=256)(RltfEnvironment)


def register():
    """Make `env_name: rltf` known, and which Python its actor runs in; NeMo-RL's `register_env` does the first only."""
    register_env("rltf", "nemo_rl_env.RltfActor")
    ACTOR_ENVIRONMENT_REGISTRY["nemo_rl_env.RltfActor"] = PY_EXECUTABLES.SYSTEM


if __name__ == "__main__":
    register()
    runpy.run_path("examples/run_grpo.py", run_name="__main__")
