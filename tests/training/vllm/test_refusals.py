"""Servers and settings that do not fit are told of in one line, before the run where that can be."""

from __future__ import annotations

import pytest

from tests.training.vllm.stub import drawn, requests
from training.config import ConfigError, TrainConfig
from training.errors import ServerError
from training.samplers.servers.sampler import ServerSampler


def test_servers_of_another_model_or_tokenizer_are_refused_in_one_line(policy, stubs, connect):
    stubs[0].name = "somebody/else"
    with pytest.raises(ConfigError, match=f"sampler.servers: {stubs[0].url} serves 'somebody/else', not model.name"):
        connect(*stubs)
    stubs[0].name = stubs[1].name
    stubs[1].fault = lambda path, answer: (200, b'{"tokens": [1, 2]}') if path == "/tokenize" else None
    with pytest.raises(ConfigError, match=f"{stubs[1].url} has another tokenizer"):
        connect(*stubs)
    stubs[1].die()
    with pytest.raises(ConfigError, match=f"sampler.servers: {stubs[1].url}: /v1/models: ClientConnectorError"):
        connect(*stubs)


@pytest.mark.parametrize(
    ("path", "said", "cause"),
    [
        ("/pause", (404, b"Not Found"), "HTTP 404.*development mode"),
        ("/collective_rpc", (400, b"Repo id must be in the form 'repo'"), "does not see .*run.folder must be"),
        ("/collective_rpc", (400, b"Worker failed with error ''"), "other shapes than model.name.*half replaced"),
        ("/reset_prefix_cache", (404, b"Not Found"), "HTTP 404"),
        ("/update_weight_version", (404, b"Not Found"), "HTTP 404"),
    ],
)
def test_weights_that_a_server_does_not_take_are_told_of_in_one_line(policy, stubs, connect, path, said, cause):
    servers = connect(*stubs)
    stubs[1].fault = lambda asked, answer: said if asked.startswith(path) else None
    with pytest.raises(ServerError, match=f"new weights: {stubs[1].url}{path}.*{cause}") as caught:
        servers.push(1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"config": None}, "/server_info.*HTTP 404.*VLLM_SERVER_DEV_MODE=1"),
        ({"config": {"model_config": {"logprobs_mode": "processed_logprobs"}}}, "runs with --logprobs-mode processed"),
        ({"config": {"load_config": {"load_format": "dummy"}}}, "runs with --load-format dummy"),
        ({"key": "secret"}, "HTTP 401.*the API key is read from VLLM_API_KEY"),
    ],
)
def test_settings_of_a_server_that_do_not_fit_are_told_of_before_the_run(policy, stubs, connect, settings, message):
    for name, value in settings.items():
        setattr(stubs[0], name, value)
    with pytest.raises(ConfigError, match=f"sampler.servers: {stubs[0].url}.*{message}"):
        connect(stubs[0])


def test_an_adapter_needs_a_server_that_takes_adapters(adapted, connect):
    policy, stub = adapted
    stub.config["lora_config"] = None
    with pytest.raises(ConfigError, match="runs without --enable-lora"):
        connect(stub, policy=policy)


def test_a_temperature_that_vllm_does_not_take_is_told_of_before_the_run(stubs, connect):
    with pytest.raises(ConfigError, match=r"sampler.temperature 2\.5: vLLM takes 2 at most"):
        connect(stubs[0], temperature=2.5)


def test_an_api_key_is_sent(policy, stubs, connect, monkeypatch):
    stubs[0].key = "secret"
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    servers = connect(stubs[0])
    servers.push(0)
    assert len(drawn(ServerSampler(servers, policy, 2), requests(policy))) == 4


def test_a_completion_that_a_server_s_window_would_shorten_is_an_error(policy, stubs, connect):
    stubs[0].longest = 16
    servers = connect(stubs[0])
    servers.push(0)
    sampler = ServerSampler(servers, policy, 14)
    with pytest.raises(ServerError, match=r"'p0': its prompt of \d+ tokens .* do not fit into the 16 .*max-model-len"):
        drawn(sampler, requests(policy))
    sampler.longest = None  # a server that did not say so
    with pytest.raises(ServerError, match=r"len\(token_ids\) is \d+; must be 14, .*window is too small"):
        drawn(sampler, requests(policy))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"backend": "vllm"}, "sampler.servers: .*need one or more"),
        ({"servers": "http://a:8000"}, "sampler.servers: .*no other has any"),
        ({"backend": "vllm", "servers": "a:8000"}, r"sampler.servers.0: 'a:8000' is not allowed; .*http://host:8000"),
        ({"ahead": "true"}, "sampler.ahead: only servers .* not backend 'transformers'"),
    ],
)
def test_settings_that_do_not_fit_are_named(keys, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig.load(overrides={f"sampler.{name}": value for name, value in keys.items()})


def test_sampling_ahead_needs_the_ratio():
    given = {"sampler.backend": "vllm", "sampler.servers": "http://a:1,http://b:2/", "sampler.ahead": True}
    assert TrainConfig.load(overrides=given).sampler.servers == ("http://a:1", "http://b:2/")
    with pytest.raises(ConfigError, match="an older policy's samples need the ratio"):
        TrainConfig.load(overrides={**given, "objective.algorithm": "rltf_paper"})
