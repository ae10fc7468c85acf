"""A policy that may be changed, two stub servers of it, and clients of them."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from tests.training.vllm.stub import Stub
from training.records import Drawing
from training.samplers.servers.pool import ServerPool
from training.samplers.vllm.api import VllmApi


@pytest.fixture
def policy(tiny_policy):
    """One whose weights a test may change."""
    return replace(tiny_policy, model=copy.deepcopy(tiny_policy.model))


@pytest.fixture
def stubs(policy):
    """Two servers."""
    made = [Stub(policy), Stub(policy)]
    yield made
    for stub in made:
        stub.die()


@pytest.fixture
def connect(policy, tmp_path):
    """Opens clients of some stubs, and closes them."""
    opened = []

    def connect(*stubs, in_flight=8, timeout=600.0, tell=lambda _: None, policy=policy, temperature=1.0):
        urls = [stub.url for stub in stubs]
        opened.append(
            ServerPool(VllmApi, urls, policy, tmp_path / "served", in_flight, timeout, Drawing(temperature), tell)
        )
        return opened[-1]

    yield connect
    for servers in opened:
        servers.close()


@pytest.fixture
def adapted(policy):
    """A policy of which only an adapter is trained, and a server of its base model."""
    pytest.importorskip("peft")
    from training.models.adapters import new_adapter

    stub = Stub(policy)
    stub.base = copy.deepcopy(policy.model)  # served as it was before training; an adapter comes on top
    section = policy.section.model_copy(update={"lora_rank": 2})
    adapted = replace(policy, model=new_adapter(policy.model, section).eval(), section=section)
    with torch.no_grad():
        for parameter in adapted.trained:
            parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(1))
    yield adapted, stub
    stub.die()
