"""A policy that may be changed, two stub servers of it, and clients of them."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from tests.training.vllm.stub import Stub
from training.samplers.vllm.servers import VllmServers


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

    def connect(*stubs, in_flight=8, timeout=600.0, tell=lambda _: None):
        urls = [stub.url for stub in stubs]
        opened.append(VllmServers(urls, policy, tmp_path / "served", in_flight, timeout, tell))
        return opened[-1]

    yield connect
    for servers in opened:
        servers.close()
