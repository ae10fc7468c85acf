"""A real vLLM server of its own for `benchmarks.engines`: started, waited for, killed.

What this does not do: install vLLM (`make engines` does), or measure.
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
from pathlib import Path
from typing import Self

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

_SECONDS = 600
"""Longest wait for a server to start. It takes 50 s on two free cores."""
_SETTINGS = {
    "VLLM_SERVER_DEV_MODE": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}


class EngineServer:
    """One server, up while the context lasts.

    Args:
        python: The interpreter that has vLLM.
        model: Folder of the model.
        log: Where the server's output goes.
        options: More arguments of the server.
        settings: More environment variables.
    """

    def __init__(
        self, python: Path, model: Path, log: Path, *options: str, settings: dict[str, str] | None = None
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        words = ["--model", str(model), "--host", "127.0.0.1", "--port", str(port), "--enable-scale-out"]
        words += ["--max-model-len", "256", "--enforce-eager", *options]
        if "--dtype" not in options:
            words += ["--dtype", "float32"]
        self._command = [str(python), "-m", "vllm.entrypoints.openai.api_server", *words]
        self._log, self._settings = log, _SETTINGS | (settings or {})
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
