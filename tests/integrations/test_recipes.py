"""The recipes of docs/trainers.md are files that run."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.integrations.service import served

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "trainers"
PROBLEM = {"inputs": ["3\n", "4\n"], "outputs": ["9\n", "16\n"]}
PROGRAMS = ("print(int(input()) ** 2)", "print(int(input()) * 3)")
PAGE = (ROOT / "docs" / "trainers.md").read_text(encoding="utf-8")


def run(name, folder, *words):
    """Run a recipe in an empty folder, as a reader would; what it prints."""
    command = [sys.executable, RECIPES / name, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_recipe_is_on_the_page_and_the_page_names_no_other():
    assert set(re.findall(r"examples/trainers/(\w+\.py)", PAGE)) == {path.name for path in RECIPES.glob("*.py")}


@pytest.mark.slow
def test_trl_trains_from_an_empty_folder(tmp_path):
    pytest.importorskip("trl", reason="TRL is not installed: pip install 'rltf[trl]'")
    said = run("trl_grpo.py", tmp_path, "2")
    rates = [float(rate) for rate in re.search(r"pass rate by step: ([\d. ]+)", said)[1].split()]
    assert len(rates) == 2
    assert 0 < rates[0] < 1


@pytest.mark.slow
def test_the_pages_own_lines_of_trl_run_as_they_stand(tmp_path):
    pytest.importorskip("trl", reason="TRL is not installed: pip install 'rltf[trl]'")
    (tmp_path / "lines.py").write_text(re.search(r"## TRL.*?```python\n(.+?)```", PAGE, re.DOTALL)[1])
    assert "'pass_rate': '" in run(tmp_path / "lines.py", tmp_path)


# Over HTTP: each library's own class, on a real service


@pytest.fixture(scope="module")
def service(tokenizer):
    pytest.importorskip("prometheus_client", reason="rltf serve needs: pip install 'rltf[serve]'")
    from engine import Engine
    from integrations.server import ScoreService

    with served(ScoreService(Engine(trace_lines=True), tokenizer)) as url:
        yield url


@pytest.fixture
def recipe(service, monkeypatch):
    """Load a recipe as its library would."""
    monkeypatch.setenv("RLTF_URL", service)

    def load(name):
        spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.filterwarnings("ignore")
def test_openrlhf_scores_the_ids_that_its_engine_sampled(recipe, tokenizer):
    pytest.importorskip("openrlhf", reason="OpenRLHF is not installed (docs/trainers.md)")
    executor = recipe("openrlhf_agent").AgentExecutor()

    class Sampled:
        """One sample, as vLLM gives it."""

        def __init__(self, text, finish_reason):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            self.output = SimpleNamespace(token_ids=ids, finish_reason=finish_reason, logprobs=None, text=text)

        async def generate(self, *_, **__):
            return SimpleNamespace(outputs=[self.output])

    def execute(text, finish_reason="stop"):
        sampling = SimpleNamespace(max_tokens=64, logprobs=None)
        return asyncio.run(
            executor.execute("Square it.", json.dumps(PROBLEM), sampling, 256, tokenizer, Sampled(text, finish_reason))
        )

    right = execute("print(int(input()) ** 2)")
    assert (right["reward"], right["scores"], right["extra_logs"]) == (2.0, 1.0, {"coarse": 1.0, "adaptive": 1.0})
    assert execute("print(int(input()) * 3)", "length")["scores"] == 0.5
    with pytest.raises(RuntimeError, match="not scored"):
        asyncio.run(
            executor.execute(
                "", "{}", SimpleNamespace(max_tokens=1, logprobs=None), 64, tokenizer, Sampled("x", "stop")
            )
        )


def test_skyrl_steps_an_environment_of_ours(recipe):
    gym = pytest.importorskip("skyrl_gym", reason="SkyRL is not installed (docs/trainers.md)")
    module = recipe("skyrl_env")
    gym.register(id="rltf", entry_point=module.RltfEnv)
    environment = gym.make("rltf", env_config={}, extras={"reward_spec": {"ground_truth": json.dumps(PROBLEM)}})
    environment.init([{"role": "user", "content": "Square it."}])
    step = environment.step("print(int(input()) * 3)")
    assert (step["reward"], step["done"]) == (pytest.approx(0.05), True)
    assert step["metadata"] == {"verdict": "failed", "pass_ratio": 0.5}


@pytest.mark.filterwarnings("ignore")
def test_nemo_rl_makes_our_environment_and_asks_it_for_rewards(service, tokenizer, tmp_path, monkeypatch):
    rollouts = pytest.importorskip(
        "nemo_rl.experience.rollouts", reason="NeMo-RL is not on the package index: install its repository"
    )
    import ray
    from nemo_rl.data.datasets import load_response_dataset
    from nemo_rl.distributed.batched_data_dict import BatchedDataDict
    from nemo_rl.environments.utils import create_env

    monkeypatch.syspath_prepend(RECIPES)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(RECIPES), os.environ.get("PYTHONPATH", "")]))
    importlib.import_module("nemo_rl_env").register()
    (tmp_path / "problems.jsonl").write_text(json.dumps({"prompt": "Square it.", "problem": json.dumps(PROBLEM)}))
    words = yaml_of("NeMo-RL")["data"]
    section = words["train"] | words["default"] | {"data_path": str(tmp_path / "problems.jsonl")}
    loaded = load_response_dataset(section)
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    row = loaded.processor(loaded.dataset[0], loaded.task_spec, tokenizer, 64, 0)
    logs = [[*row["message_log"], {"role": "assistant", "content": text}] for text in PROGRAMS]
    with ray.init("local", num_cpus=2, include_dashboard=False):
        environment = create_env(section["env_name"], {"url": service})
        batch = {"message_log": logs, "task_name": ["code"] * 2, "extra_env_info": [row["extra_env_info"]] * 2}
        step = rollouts.calculate_rewards(BatchedDataDict(batch), {"code": environment})
        ray.get(environment.shutdown.remote())  # as NeMo-RL ends it
    assert step.rewards.tolist() == pytest.approx([2.0, 0.05])
    assert step.terminateds.tolist() == [True, True]
    assert [each["content"] for each in step.observations] == ["passed", "failed"]


def yaml_of(heading):
    """Read the YAML that the page gives under a heading."""
    import yaml

    return yaml.safe_load(re.search(rf"## [^\n]*{heading}.*?```yaml\n(.+?)```", PAGE, re.DOTALL)[1])
