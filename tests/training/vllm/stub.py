"""A small server that speaks the HTTP of vLLM 0.33 which rltf uses, and really samples from a tiny model.

It keeps what vLLM promises there: requests are held while it is paused and go on with the new weights, which name each
token they sampled; weights are loaded from the path it is told; log-probabilities are raw. It refuses what vLLM
refuses, and has faults to order.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from training.models.families import run_body, run_head
from training.records import SampleRequest

KNOWN = {
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_token_ids",
    "stop",
    "detokenize",
    "logprobs",
    "seed",
}


class RefusedError(Exception):
    """What the server answers with a status other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Stub:
    """One server; `url` is its address. Its first weights are not the policy's."""

    def __init__(self, policy, name: str = "embedded:short") -> None:
        self.model = copy.deepcopy(policy.model).eval()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.mul_(0.5)
        self.base = self.model
        self.tokenizer, self.name = policy.tokenizer, name
        self.version, self.loads = "default", 0
        self.adapters: dict[str, Any] = {}
        self.dropped: list[str] = []
        self.stale_head: torch.Tensor | None = None
        """The output head that it keeps whatever it loads, as vLLM on CPUs does where embeddings are tied."""
        self.longest = 2048
        self.key = ""
        self.config: dict[str, Any] = {
            "model_config": {"logprobs_mode": "raw_logprobs"},
            "load_config": {"load_format": "auto"},
            "lora_config": {"max_lora_rank": 16},
        }
        """What `/server_info` says; None: the server is not in development mode."""
        self.asked: list[dict[str, Any]] = []
        self.loaded: list[Path] = []
        self.tokens = self.busy = self.most_busy = 0
        self.dead = False
        self.sick = False
        self.fault: Callable[[str, dict[str, Any]], tuple[int, bytes] | None] = lambda path, answer: None
        """Given a path and the right answer: the status and body to send in its place; None: the right one."""
        self.before_token: Callable[[Stub], None] = lambda stub: None
        self.running, self.lock = threading.Event(), threading.Lock()
        self.running.set()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def die(self) -> None:
        """Break off every connection and listen no more."""
        self.dead = True
        self.running.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def answer(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        """What a healthy server says."""
        match path.partition("?")[0], body:
            case "/health", None:
                if self.sick:
                    raise RefusedError(503, "sick")
                return {}
            case "/v1/models", None:
                return {"data": [{"id": self.name, "root": self.name, "max_model_len": self.longest}]}
            case "/server_info", None if self.config:
                return {"vllm_config": self.config, "vllm_env": {}}
            case "/tokenize", {"prompt": text, "add_special_tokens": special}:
                return {"tokens": self.tokenizer(text, add_special_tokens=special)["input_ids"]}
            case "/inference/v1/generate", {"token_ids": ids, "sampling_params": sampling}:
                self.asked.append(body)
                model = self.adapters.get(body.get("model"), self.model)
                if body.get("model", self.name) not in (self.name, *self.adapters):
                    raise RefusedError(404, f"The model `{body['model']}` does not exist.")
                with self.lock:
                    self.busy += 1
                    self.most_busy = max(self.busy, self.most_busy)
                try:
                    return self.generate(model, ids, sampling)
                finally:
                    with self.lock:
                        self.busy -= 1
            case "/pause", _ if path.endswith("mode=keep"):
                with self.lock:
                    self.running.clear()
                return {"status": "paused"}
            case "/resume", _:
                self.running.set()
                return {"status": "resumed"}
            case "/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": folder}}:
                self.load(Path(folder))
                return {"results": [None]}
            case "/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder, **rest} if not rest:
                from training.models.adapters import apply_adapter

                if name in self.adapters:
                    raise RefusedError(400, f"The lora adapter '{name}' has already been loaded.")
                if not Path(folder).is_dir():
                    raise RefusedError(404, f"No adapter found for {folder}")
                self.loaded.append(Path(folder))
                self.adapters[name] = apply_adapter(copy.deepcopy(self.base), Path(folder)).eval()
                return {}
            case "/v1/unload_lora_adapter", {"lora_name": name}:
                if name not in self.adapters:
                    raise RefusedError(404, f"The lora adapter '{name}' cannot be found.")
                del self.adapters[name]
                self.dropped.append(name)
                return {}
            case "/reset_prefix_cache", _:
                self.loads += 1  # caches are made anew
                return {"success": True}
            case "/update_weight_version", {"new_version": name}:
                self.version = name
                return {"success": True, "new_version": name}
        raise RefusedError(404, f"Not Found: {path}")

    def must_be_paused(self, folder: Path) -> None:
        if self.running.is_set():
            raise RefusedError(500, "weights loaded while requests run")
        self.loaded.append(folder)

    def load(self, folder: Path) -> None:
        """Read a folder of safetensors, all of it."""
        self.must_be_paused(folder)
        found: dict[str, torch.Tensor] = {}
        for file in folder.glob("*.safetensors"):
            found |= load_file(file)
        missing, unexpected = self.model.load_state_dict(found, strict=False)
        tied = set(getattr(self.model, "_tied_weights_keys", None) or ())
        if not found or unexpected or set(missing) - tied:
            raise RefusedError(500, f"missing {missing}, unexpected {unexpected}")

    @torch.inference_mode()
    def generate(self, model: Any, prompt: list[int], sampling: dict[str, Any]) -> dict[str, Any]:
        """Token by token; weights change between tokens at most. A window that is too small shortens the completion."""
        most = min(sampling["max_tokens"], self.longest - len(prompt))
        if unknown := set(sampling) - KNOWN:
            raise RefusedError(400, f"unknown sampling parameters {unknown}")
        if sampling["stop"] and not sampling["detokenize"]:
            raise RefusedError(400, "stop strings need detokenize")
        if not -(2**63) <= sampling["seed"] < 2**63:
            raise RefusedError(400, "seed is of 64 bits")
        generator = torch.Generator().manual_seed(sampling["seed"])
        ids: list[int] = []
        scores: list[dict[str, Any]] = []
        names: list[str] = []
        cache, cached, reason = None, -1, "length"
        while len(ids) < most:
            self.before_token(self)
            self.running.wait()
            with self.lock:
                if self.dead:
                    raise ConnectionAbortedError
                if not self.running.is_set():
                    continue
                if cached != self.loads:
                    cache, cached = None, self.loads
                fed = [*prompt, *ids] if cache is None else ids[-1:]
                states, cache = run_body(model, torch.tensor([fed]), cache=cache, use_cache=True)
                name = self.version
                self.tokens += 1
            logits = run_head(model, states) if self.stale_head is None else states @ self.stale_head.T
            logits = logits[0, -1]
            token = _draw(logits, sampling, generator)
            ids.append(token)
            names.append(name)
            scores.append({"token_id": token, "logprob": logits.log_softmax(-1)[token].item(), "top_logprobs": []})
            text = self.tokenizer.decode(ids, skip_special_tokens=True) if sampling["stop"] else ""
            if token in sampling["stop_token_ids"] or any(stop in text for stop in sampling["stop"]):
                reason = "stop"
                break
        starts = [place for place, name in enumerate(names) if place == 0 or names[place - 1] != name]
        spans = [
            {"version": names[start], "start": start, "end": end}
            for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)
        ]
        choice = {"index": 0, "finish_reason": reason, "token_ids": ids, "weight_versions": spans}
        return {"choices": [choice | {"logprobs": {"content": scores}}], "output_mode": "tokens"}


def _draw(logits: torch.Tensor, sampling: dict[str, Any], generator: torch.Generator) -> int:
    """One token, as the sampling parameters say."""
    if sampling["temperature"] == 0:
        return int(logits.argmax())
    values, order = (logits / sampling["temperature"]).softmax(-1).sort(descending=True)
    if sampling["top_k"]:
        values[sampling["top_k"] :] = 0
    values[values.cumsum(0) - values >= sampling["top_p"]] = 0
    return int(order[torch.multinomial(values, 1, generator=generator)])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    stub: Stub

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections end as they end."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.respond(None)

    def do_POST(self) -> None:
        self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def respond(self, body: dict[str, Any] | None) -> None:
        stub = self.server.stub
        if stub.dead:
            raise ConnectionAbortedError
        try:
            if stub.key and self.headers["Authorization"] != f"Bearer {stub.key}" and self.path.startswith("/v1"):
                raise RefusedError(401, "Unauthorized")
            right = stub.answer(self.path, body)
            status, sent = stub.fault(self.path, right) or (200, json.dumps(right).encode())
        except RefusedError as refused:
            status, sent = refused.status, json.dumps({"error": str(refused)}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)


def requests(policy, problems=2, samples=2):
    """Some to ask of samplers, no two alike."""
    prompt = tuple(policy.tokenizer("print the sum\n")["input_ids"])
    return [SampleRequest(f"p{i}", (*prompt, 5 + i), samples, (0, 1, i)) for i in range(problems)]


def drawn(sampler, wanted, version=0):
    """What comes, by problem and sample."""
    return {(each.problem_id, each.sample): each for batch in sampler.sample(wanted) for each in batch}
