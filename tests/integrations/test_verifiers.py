"""The verifiers environment: its package loads by name, and its rewards are the scorer's, on verifiers' own traces."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

vf = pytest.importorskip("verifiers.v1", reason="verifiers is not installed: pip install verifiers (docs/trainers.md)")
pytestmark = pytest.mark.filterwarnings("ignore")
from feedback import Scorer  # noqa: E402 (after the skip)
from integrations import verifiers as ours  # noqa: E402
from integrations.items import problem_of  # noqa: E402
from tests.feedback.test_scorer import Failing  # noqa: E402

PACKAGE = Path(__file__).parents[2] / "examples" / "environments" / "rltf_code"
PROBLEM = {"id": "square", "prompt": "Square it.", "inputs": ["3\n", "4\n"], "outputs": ["9\n", "16\n"]}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory, model_folder):
    """Loaded by the package's name, as `vf-eval rltf-code` does."""
    path = tmp_path_factory.mktemp("data") / "problems.jsonl"
    path.write_text(json.dumps(PROBLEM) + "\n\n" + json.dumps({**PROBLEM, "id": "other"}) + "\n")
    sys.path.insert(0, str(PACKAGE))
    config = vf.taskset_config_type("rltf-code")
    settings = {"tokenizer": model_folder, "workers": 1}
    yield list(vf.load_taskset(config(id="rltf-code", problems=path, task=settings)))
    sys.path.remove(str(PACKAGE))
    ours._scorer(model_folder, "fence", 1).close()


def trace(task, reply, ids=(), finish="stop"):
    from verifiers.v1.graph import MessageNode
    from verifiers.v1.trace import AgentInfo, ModelCall, Trace, TraceTask

    nodes = [
        MessageNode(message=vf.UserMessage(content=task.data.prompt), token_ids=[1, 2], mask=[False, False]),
        MessageNode(
            parent=0,
            message=vf.AssistantMessage(content=reply),
            sampled=True,
            token_ids=[9, *ids],
            mask=[False, *[True] * len(ids)],
        ),
    ]
    agent = AgentInfo.model_construct()
    made = Trace.model_construct(task=TraceTask.model_construct(data=task.data), agent=agent, nodes=nodes)
    made.calls = [ModelCall(node=1, finish_reason=finish)]
    return made


def score(task, made):
    asyncio.run(task.score(made))
    return {name: reward.score for name, reward in made.rewards.items()}


def test_problems_are_tasks_with_their_prompts(tasks):
    assert [task.data.id for task in tasks] == ["square", "other"]
    assert tasks[0].data.prompt.startswith("Square it.\n\nWrite a Python program")


def test_a_reply_is_scored_by_its_last_block(tasks):
    right = trace(tasks[0], "```python\nprint(int(input()) ** 2)\n```")
    assert score(tasks[0], right) == pytest.approx({"coarse": 1.0, "adaptive": 1.0})
    assert right.metrics == {"pass_ratio": 1.0}
    wrong = trace(tasks[0], "```python\nprint(int(input()) * 3)\n```")
    assert score(tasks[0], wrong) == pytest.approx({"coarse": -0.3, "adaptive": 0.35})
    assert "token_rewards" not in wrong.info


def test_every_sampled_token_has_a_reward_where_their_ids_are_kept(tasks, tokenizer, model_folder):
    reply = "```python\nprint(zz)\n```"
    ids = tokenizer(reply, add_special_tokens=False)["input_ids"]
    made = trace(tasks[0], reply, ids)
    score(tasks[0], made)
    expected = ours._scorer(model_folder, "fence", 1).submit(ids, problem_of(tasks[0].data.problem)).result()
    assert made.info["token_rewards"] == expected.token_rewards.tolist()
    assert any(made.info["token_rewards"])


def test_a_reply_that_the_length_limit_cut_off_is_blamed_as_a_whole(tasks, tokenizer):
    reply = "```python\nprint(zz"
    ids = tokenizer(reply, add_special_tokens=False)["input_ids"]
    cut, ended = (trace(tasks[0], reply, ids, finish) for finish in ("length", "stop"))
    score(tasks[0], cut)
    score(tasks[0], ended)
    assert len(set(cut.info["token_rewards"])) == 1
    assert len(set(ended.info["token_rewards"])) > 1


def test_what_we_failed_to_judge_is_an_error_and_no_reward(tasks, monkeypatch):
    monkeypatch.setattr(ours, "_scorer", lambda *_: Scorer(None, Failing(10**6)))
    made = trace(tasks[0], "x")
    with pytest.raises(vf.TaskError, match="not judged"):
        score(tasks[0], made)
    assert made.rewards == {"program": None}
