"""A small server that speaks the HTTP of SGLang 0.5.23 which rltf uses, and really samples from a tiny model.

As there, new weights wait until no request is in flight, and their label comes back with whole completions.
Log-probabilities are those of what was drawn from unless the server was told to give the original ones.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.training.vllm.stub import RefusedError, Stub

SAMPLING = {
    "max_new_tokens",
    "temperature",
    "top_p",
    "top_k",
    "sampling_seed",
    "stop_token_ids",
    "stop",
    "no_stop_trim",
}


class SglangStub(Stub):
    """One server; `original` is SGLANG_RETURN_ORIGINAL_LOGPROB."""

    def __init__(self, policy, name: str = "embedded:short", *, original: bool = True) -> None:
        self.original, self.idle = original, threading.Condition()
        self.updating = False
        self.flying = 0
        super().__init__(policy, name)

    def answer(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        match path, body:
            case "/health", None:
                return super().answer(path, body)
            case "/server_info", None:
                return {
                    "model_path": self.name,
                    "served_model_name": self.name,
                    "enable_lora": True,
                    "version": "0.5.23",
                    "max_req_input_len": self.longest - 6,
                }
            case "/tokenize", {"prompt": str()}:
                return super().answer(path, body) | {"count": 1, "max_model_len": self.tokenizer.model_max_length}
            case "/generate", {"input_ids": list(ids), "sampling_params": sampling, "return_logprob": True}:
                if unknown := set(sampling) - SAMPLING:
                    raise RefusedError(400, f"Unexpected keyword arguments {unknown}")
                if len(ids) + sampling["max_new_tokens"] > self.longest:
                    raise RefusedError(400, "Requested token count exceeds the model's maximum context length")
                if len(ids) >= self.longest - 6:
                    raise RefusedError(400, f"Input length ({len(ids)} tokens) exceeds the maximum allowed length")
                sampling["max_new_tokens"] = min(sampling["max_new_tokens"], self.longest - 2 - len(ids))
                return self.generated(body, ids, sampling)
            case "/update_weights_from_disk", {"model_path": folder, "weight_version": label}:
                return self.updated(Path(folder), label)
            case "/load_lora_adapter" | "/unload_lora_adapter", _:
                super().answer(f"/v1{path}", body)
                return {"success": True, "loaded_adapters": dict.fromkeys(self.adapters, "")}
        raise RefusedError(404, f"Not Found: {path}")

    def generated(self, body: dict[str, Any], ids: list[int], sampling: dict[str, Any]) -> dict[str, Any]:
        with self.idle:
            self.idle.wait_for(lambda: not self.updating)
            self.flying += 1
        try:
            if (adapter := body.get("lora_path")) and adapter not in self.adapters:
                raise RefusedError(400, f"The following requested LoRA adapters are not loaded: {adapter}")
            found = self.generate(self.adapters.get(adapter, self.model), ids, translated(sampling))["choices"][0]
            self.asked.append(body)
        finally:
            with self.idle:
                self.flying -= 1
                self.idle.notify_all()
        content = found["logprobs"]["content"]
        heat = 1.0 if self.original else sampling["temperature"]
        return {
            "text": "",
            "output_ids": found["token_ids"],
            "meta_info": {
                "finish_reason": {"type": found["finish_reason"], "matched": 0},
                "weight_version": self.version,
                "output_token_logprobs": [[each["logprob"] / heat, each["token_id"], None] for each in content],
            },
        }

    def updated(self, folder: Path, label: str) -> dict[str, Any]:
        with self.idle:
            self.updating = True
            self.idle.wait_for(lambda: not self.flying)
        try:
            self.running.clear()
            if not list(folder.glob("*.safetensors")):
                raise RefusedError(
                    400, f"Failed to get weights iterator: Cannot find any model weights with `{folder}`."
                )
            try:
                self.load(folder)
            except (RefusedError, RuntimeError):  # it rolls back by loading the same folder, and ends
                self.dead = True
                raise ConnectionAbortedError from None
        finally:
            self.running.set()
            with self.idle:
                self.updating = False
                self.idle.notify_all()
        self.version, self.loads = label, self.loads + 1
        return {"success": True, "message": "Succeeded to update model weights.", "num_paused_requests": 0}


def translated(sampling: dict[str, Any]) -> dict[str, Any]:
    """The sampling parameters, as the model behind the stub takes them."""
    return {
        "max_tokens": sampling["max_new_tokens"],
        "temperature": sampling["temperature"],
        "top_p": sampling["top_p"],
        "top_k": max(0, sampling["top_k"]),
        "seed": sampling["sampling_seed"],
        "stop_token_ids": sampling["stop_token_ids"],
        "stop": sampling["stop"],
        "detokenize": True,
    }
