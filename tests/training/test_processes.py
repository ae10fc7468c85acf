"""Several processes train as one does: real ones, that talk through gloo on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.processes import ENGINES, ended, start
from training.config import TrainConfig
from training.run import Run
from training.run.checkpoint import load_algorithm, load_buffer, load_progress

pytest.importorskip("accelerate")

SETTINGS = {
    "data.limit": 12,
    "data.held_out_limit": 3,
    "sampler.problems_per_step": 3,  # one process has two of them
    "sampler.samples_per_problem": 3,
    "sampler.max_new_tokens": 32,
    "buffer.capacity": 18,
    "buffer.batch_size": 18,
    "buffer.initial": 6,
    "objective.kl": 0.01,
    "training.steps": 4,
    "training.supervised_batch": 3,
    "training.checkpoint_every": 1,
    "evaluation.every": 0,
    "evaluation.samples_per_problem": 2,
    "optimizer.warmup_steps": 0,
    "run.threads": 1,
}
HERE = Path(__file__).parent


def train_here(
    folder: str,
    name: str,
    changes: dict[str, object] | None = None,
    resume: bool = False,
    stopping_rank: int | None = None,
    after: int = 0,
) -> None:
    """As `rltf train` does; the process of `stopping_rank` alone is asked to stop once `after` steps are done."""
    from training.errors import Interrupted
    from training.learners import open_ranks
    from training.loop import train

    ranks, path = open_ranks(), Path(folder) / name

    def asked() -> bool:
        rows = Run(path).metrics() if ranks.index == stopping_rank else []
        return any(row["step"] >= after for row in rows)

    config = TrainConfig.load(overrides={**SETTINGS, **(changes or {}), "run.folder": folder, "run.name": name})
    try:
        train(config, path, resume=resume, should_stop=asked, ranks=ranks)
    except Interrupted:
        sys.exit(130)
    finally:
        ranks.close()


def command(folder: Path, name: str, *more: str) -> list[str]:
    settings = [word for key, value in SETTINGS.items() for word in (f"--{key}", str(value))]
    return ["train", "--run", name, "--run.folder", str(folder), *settings, *more]


def weights(path: Path) -> torch.Tensor:
    stored = load_file(path / "checkpoints" / "step-4" / "model.safetensors")
    return torch.cat([stored[name].flatten() for name in sorted(stored)])


def drawn(path: Path) -> list[tuple[object, ...]]:
    """Every sample of a run: its tokens, what came of them, and what each token earned."""
    run = Run(path)
    found = []
    for row in run.samples():
        tokens = run.record(row["seq"])["tokens"]
        earned = [(token["id"], token["components"]) for token in tokens]
        found.append((row["step"], row["problem_id"], row["sample"], row["verdict"], row["codes"], earned))
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run of one process that all others must equal."""
    folder = tmp_path_factory.mktemp("alone")
    train_here(str(folder), "whole")
    return folder / "whole"


def check_same(path: Path, alone: Path) -> None:
    assert drawn(path) == drawn(alone)
    assert torch.allclose(weights(path), weights(alone), atol=1e-4)  # a step moves them by 5e-4, rounding by 4e-5
    checkpoints = [each / "checkpoints" / "step-4" for each in (path, alone)]
    found, expected = map(load_progress, checkpoints)
    assert (found.before, found.samples) == (expected.before, expected.samples)
    states = [load_algorithm(checkpoint) for checkpoint in checkpoints]
    critics = [state.pop("critic", None) for state in states]  # tensors, which are within rounding
    assert states[0] == states[1]
    assert (critics[0] is None) == (critics[1] is None)
    kept, wanted = ([each.rollout.token_ids for each in load_buffer(checkpoint)] for checkpoint in checkpoints)
    assert kept == wanted
    assert [row["step"] for row in Run(path).metrics() if row["name"] == "pass_rate"] == [1, 2, 3, 4]


def need_deepspeed(needed: bool) -> None:
    if needed and not find_spec("deepspeed"):
        pytest.skip("needs deepspeed (pip install 'rltf[deepspeed]')")


def hold_the_contracts(*files: str) -> None:
    ignored = ["ignore::pytest.PytestAssertRewriteWarning"]  # modules that the parent has loaded already
    ignored += ["ignore:`torch.distributed.all_gather_into_tensor:FutureWarning"]  # deepspeed calls it
    sys.exit(pytest.main([*files, "-q", "-p", "no:cacheprovider", "-x", *(f"-W{each}" for each in ignored)]))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_the_contracts_hold_for_two_processes(tmp_path, engine):
    need_deepspeed(engine.startswith("zero"))
    files = (str(HERE / "test_ranks.py"), str(HERE / "test_learner_contract.py"))
    log = tmp_path / "log"
    assert ended(start(hold_the_contracts, files, log, engine=engine)) == [0, 0], log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("way", [["--multi_gpu"], ["--use_deepspeed", "--zero_stage", "1"]], ids=["plain", "deepspeed"])
def test_a_launched_run_draws_and_learns_what_one_process_does(alone, tmp_path, way):
    need_deepspeed(way[0] == "--use_deepspeed")
    launcher = [sys.executable, "-m", "accelerate.commands.launch", *way, "--num_processes", "2"]
    launcher += ["--num_machines", "1", "--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no"]
    done = subprocess.run(
        [*launcher, "-m", "training", *command(tmp_path, "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held-out, step 4") == 1  # one of them speaks
    check_same(tmp_path / "two", alone)
    assert (tmp_path / "two" / "summary.json").exists()
    assert (tmp_path / "two" / "report.html").exists()


@pytest.mark.slow
def test_a_run_with_a_critic_is_gone_on_with_by_any_number_of_processes(tmp_path):
    """By two, until one of them is asked to stop; by one; by two with sharded weights."""
    folder, log = str(tmp_path), tmp_path / "log"
    critic = {"objective.algorithm": "coderl", "objective.kl": 0.0, "critic.warmup_steps": 2}
    train_here(folder, "alone", critic)
    assert ended(start(train_here, (folder, "run", critic, False, 1, 1), log)) == [130, 130], log.read_text()
    assert Run(tmp_path / "run").state["state"] == "stopped"
    with pytest.raises(SystemExit):
        train_here(folder, "run", critic, resume=True, stopping_rank=0, after=2)
    assert ended(start(train_here, (folder, "run", critic, True), log, engine="fsdp2")) == [0, 0], log.read_text()
    check_same(tmp_path / "run", tmp_path / "alone")


def rltf(*words: str) -> None:
    from training.cli import main

    sys.exit(main(words))


@pytest.mark.slow
def test_a_killed_process_ends_the_other_with_one_clear_line(tmp_path):
    log, path = tmp_path / "log", tmp_path / "killed"
    processes = start(rltf, tuple(command(tmp_path, "killed", "--training.steps", "500")), log)
    while not any(row["step"] >= 1 for row in Run(path).metrics()):
        time.sleep(0.05)
    os.kill(processes[1].pid, signal.SIGKILL)
    assert ended(processes) == [1, -signal.SIGKILL]
    (line,) = [each for each in log.read_text().splitlines() if each.startswith("rltf train: process")]
    assert "another one is gone" in line
    assert "--resume" in line
    assert "Traceback" not in log.read_text()


def test_a_run_without_a_whole_checkpoint_is_refused_by_all_processes_with_one_line(alone, tmp_path):
    path = Path(shutil.copytree(alone, tmp_path / "r"))
    for checkpoint in (path / "checkpoints").glob("step-*"):
        (checkpoint / "model.safetensors").write_bytes(b"")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    log, words = tmp_path / "log", ["train", "--run", "r", "--run.folder", str(tmp_path), "--resume"]
    assert ended(start(rltf, tuple(words), log)) == [2, 1]
    (line,) = [each for each in log.read_text().splitlines() if each.startswith("rltf train: ")]
    assert "no checkpoint to go on from" in line
    assert "Traceback" not in log.read_text()
    assert {file: file.read_bytes() for file in before} == before


def test_servers_asked_by_several_processes_are_refused(tmp_path):
    from training.config import ConfigError
    from training.samplers import open_sampler

    config = TrainConfig.load(overrides={"sampler.backend": "vllm", "sampler.servers": ["http://127.0.0.1:1"]})
    with pytest.raises(ConfigError, match=r"sampler.backend 'vllm': .* 2 were launched"):
        open_sampler(config.sampler, None, tmp_path, processes=2)


def test_a_launch_without_accelerate_names_the_extra(monkeypatch):
    from training.config import ConfigError
    from training.learners import open_ranks

    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.delitem(sys.modules, "training.learners.accelerate_ranks", raising=False)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"rltf\[accelerate\]"):
        open_ranks()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"zero_optimization": {"stage": 3}}, "stage 3"),
        ({"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}}, "offload_optimizer"),
        ({"gradient_clipping": 1.0, "optimizer": {"type": "AdamW"}}, "gradient_clipping, optimizer"),
        ({"gradient_accumulation_steps": 4, "bf16": {"enabled": True}}, "gradient_accumulation_steps, bf16"),
    ],
)
def test_deepspeed_decides_nothing_that_the_run_does(changes, named):
    from training.config import ConfigError
    from training.learners.deepspeed_settings import check_settings

    config = {"zero_optimization": {"stage": 2, "offload_param": {"device": "none"}}, "steps_per_print": float("inf")}
    config |= {"gradient_accumulation_steps": 1, "gradient_clipping": "auto", "fp16": {"enabled": False}}
    check_settings(config)
    with pytest.raises(ConfigError, match=f"configured with {named}; allowed here: zero_optimization"):
        check_settings(config | changes)


def test_a_deepspeed_that_is_not_there_names_the_extra(monkeypatch):
    from training.config import ConfigError
    from training.learners.deepspeed_settings import load_deepspeed

    monkeypatch.setitem(sys.modules, "deepspeed", None)
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    with pytest.raises(ConfigError, match=r"rltf\[deepspeed\]"):
        load_deepspeed()
