"""`rltf serve` under load with hostile programs in the mix, inside the jail: nothing lost, nothing misjudged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.hostile.conftest import jail  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.hostile, pytest.mark.slow]


def test_nothing_is_lost_and_no_honest_program_misjudged(jail):  # noqa: F811
    finished = jail(Path(__file__).with_name("load.py"))
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
    assert "400 of 400 answered" in finished.stdout
    assert "honest programs misjudged: 0; hostile ones with a verdict that they may not get: 0" in finished.stdout
