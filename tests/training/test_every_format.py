"""A training step in every published format: training and evaluation judge the same bytes, on the sampled tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import Engine
from tests.training.families import build
from training.config import TrainConfig
from training.evaluation.rates import judged_requests
from training.loop import train
from training.models.policy import load_policy
from training.problems import load_data
from training.records import Rollout, SampleRequest
from training.run import Run

PROMPTS = ('def half(x):\n    """Halve {}."""\n', "from math import sqrt\n\ndef half(x):\n    # of {}\n")
FORMATS = ("apps", "mbpp", "humaneval", "chat", "{prompt}\n")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build("qwen2", tmp_path_factory.mktemp("qwen2"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two problems as HumanEval has them."""
    path = tmp_path_factory.mktemp("data") / "problems.jsonl"
    test = "def check(f):\n    assert f(4) == 2\n    assert f(6) == 3\n"
    rows = [
        {
            "task_id": f"half/{number}",
            "prompt": prompt.format(number),
            "entry_point": "half",
            "test": test,
            "canonical_solution": "    return x // 2\n",
        }
        for number, prompt in enumerate(PROMPTS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"humaneval:{path}"


class Again:
    """A sampler that draws what was drawn before."""

    def __init__(self, rollouts):
        self.rollouts = rollouts

    def sample(self, requests):
        yield self.rollouts


@pytest.mark.parametrize("name", FORMATS)
def test_training_and_evaluation_judge_the_same_bytes(name, model, data, tmp_path):
    config = TrainConfig.load(
        overrides={
            "run.folder": str(tmp_path),
            "run.name": "run",
            "model.name": str(model),
            "model.prompt_format": name,
            "data.train": data,
            "data.held_out_limit": 1,
            "sampler.problems_per_step": 2,
            "sampler.samples_per_problem": 4,
            "sampler.max_new_tokens": 12,
            "sampler.turns": 2,
            "buffer.batch_size": 16,
            "buffer.initial": 0,
            "training.steps": 1,
            "training.supervised_batch": 2,
            "evaluation.samples_per_problem": 1,
        }
    )
    train(config, Path(tmp_path / "run"))
    run = Run(tmp_path / "run")
    records = [run.record(row["seq"]) for row in run.samples()]
    assert len(records) == 2 * 4 * 2  # a random model's programs pass no public test: all come a second time

    policy = load_policy(config.model)
    problems, _ = load_data(config, lambda _: None)
    by_id = {problem.id: problem for problem in problems}
    rollouts = [
        Rollout(
            record["problem_id"],
            record["sample"],
            (1,),
            tuple(token["id"] for token in record["tokens"]),
            tuple(token["logprob"] for token in record["tokens"]),
            record["finish_reason"],
            0,
        )
        for record in records
    ]
    requests = [SampleRequest(each.problem_id, each.prompt_ids, 1, (0,)) for each in rollouts]
    with Engine() as engine:
        judged = list(judged_requests(policy, Again(rollouts), engine.judge, problems, requests))
    continues = name == "humaneval"
    for record, evaluated in zip(records, judged, strict=True):
        prompt = by_id[record["problem_id"]].prompt if continues else ""
        assert record["program"] == evaluated.program.decode(errors="replace")
        assert record["program"].startswith(prompt)
        assert record["verdict"] == str(evaluated.execution.verdict)
        sampled = b"".join(evaluated.program[token["start_byte"] : token["end_byte"]] for token in record["tokens"])
        assert prompt.encode() + sampled == evaluated.program
        if record["sample"] >= 4 and continues:
            assert record["prompt"].endswith(prompt)
