"""A Ray of this machine, once for all tests of this folder."""

from __future__ import annotations

import importlib.util
import secrets
import subprocess
import sys

import psutil
import pytest

HEAD = """
import ray, sys, time
for left in (1, 0):  # Ray gives its daemons half a minute: on a busy machine that may be too little
    try:
        print(ray.init("local", num_cpus=2, include_dashboard=False).address_info["gcs_address"], flush=True)
        break
    except Exception:
        if not left: raise
sys.stdin.read()
"""


@pytest.fixture(scope="package")
def cluster():
    """A Ray of this machine with 2 CPUs, in a process of its own, and this process connected to it."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed (pip install 'rltf[ray]')")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_AUTH_MODE", "token")  # read once, when Ray is imported
        environment.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        environment.setenv("RAY_worker_niceness", "0")
        import ray

        with psutil.Popen([sys.executable, "-c", HEAD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as head:
            address = head.stdout.readline().decode().strip()
            if not address:
                pytest.skip("Ray did not start, twice: this machine is too busy for the time it gives its daemons")
            ray.init(address=address, log_to_driver=False)
            yield head
            ray.shutdown()
    assert head.returncode == 0


@pytest.fixture(scope="package")
def ray_scorer(cluster, tiny_policy):
    """Two workers on the cluster, so that nothing else has room on it; what is told of them is in `told`."""
    from tests.training.cluster.programs import opened

    told: list[str] = []
    scorer = opened("ray", tiny_policy, told.append)
    scorer.told = told
    yield scorer
    scorer.close()
