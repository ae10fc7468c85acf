"""OpenRLHF with rewards from `rltf serve`: the exact token ids go there, and one reward for each response comes back.

    rltf serve --tokenizer MODEL --extract fence
    python -m openrlhf.cli.train_ppo_ray --train.agent_func_path examples/trainers/openrlhf_agent.py ...

The label of each row is its problem, as JSON text.
"""

import asyncio
import os

from openrlhf.utils.agent import SingleTurnAgentExecutor

from integrations.client import ScoreClient


class AgentExecutor(SingleTurnAgentExecutor):
    """OpenRLHF's own single turn, scored by the service at $RLTF_URL."""

    def __init__(self):
        super().__init__()
        url = os.environ.get("RLTF_URL", "http://127.0.0.1:8731")
        self.client = ScoreClient(url, os.environ.get("RLTF_SERVE_TOKEN", ""))

    async def execute(self, prompt, label, *arguments, **options):
        """Sample a response and score it."""
        output = await super().execute(prompt, label, *arguments, **options)
        first, last = output["action_ranges"][0]
        item = {
            "token_ids": list(output["observation_tokens"][first:last]),
            "problem": label,
            "finish_reason": "length" if output["truncated"] else "stop",
        }
        (result,) = await asyncio.to_thread(self.client.score, [item])
        if "problem_error" in result or result["masked"]:
            raise RuntimeError(f"not scored: {result}")  # OpenRLHF cannot leave a sample out
        logs = {name: result[name] for name in ("coarse", "adaptive")}
        output |= {"reward": sum(logs.values()), "scores": result["pass_ratio"], "extra_logs": logs}
        return output
