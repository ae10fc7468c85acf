"""SkyRL with rewards from `rltf serve`: an environment of one turn, with one reward for each response.

    rltf serve --extract fence
    skyrl_gym.register(id="rltf", entry_point="skyrl_env:RltfEnv")     # in the script that starts your training
    environment.env_class=rltf

`reward_spec.ground_truth` of each row is its problem, as JSON text.
"""

import os

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

from integrations.client import ScoreClient


class RltfEnv(BaseTextEnv):
    """Scores the reply at the service at $RLTF_URL."""

    def __init__(self, env_config=None, extras=None):
        super().__init__()
        self.problem = extras["reward_spec"]["ground_truth"]
        url = os.environ.get("RLTF_URL", "http://127.0.0.1:8731")
        self.client = ScoreClient(url, os.environ.get("RLTF_SERVE_TOKEN", ""))

    def step(self, action):
        """Score the reply; the episode ends."""
        (result,) = self.client.score([{"completion": action, "problem": self.problem}])
        if "problem_error" in result or result["masked"]:
            raise RuntimeError(f"not scored: {result}")  # SkyRL's environments cannot leave a sample out
        reward = result["coarse"] + result["adaptive"]
        facts = {name: result[name] for name in ("verdict", "pass_ratio")}
        return BaseTextEnvStepOutput(observations=[], reward=reward, done=True, metadata=facts)
