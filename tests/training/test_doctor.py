"""`rltf doctor`: every layer has a line that says whether it holds, or how to get it."""

import argparse

from engine.sandbox.worker import LAYERS
from training.commands import doctor


def test_every_layer_is_tried_and_reported(capsys):
    status = doctor.run(argparse.Namespace(config=None))
    printed = capsys.readouterr().out.splitlines()
    for layer in ("rlimits", *LAYERS):
        (line,) = [line for line in printed if line.strip().startswith(f"{layer} ")]
        assert "holds" in line or ("missing" in line and "to get it:" in line)
    assert any(line.startswith("sandbox, all together: isolation level") for line in printed)
    assert status == 0


def test_a_missing_layer_has_a_reason_and_a_remedy_in_one_line(monkeypatch):
    monkeypatch.setattr(doctor, "Worker", lambda layers: doctor_worker([]))
    line = doctor._try("seccomp")
    assert line.startswith("missing")
    assert "fork" in line
    assert "to get it: Linux on x86_64" in line
    assert "\n" not in line


def doctor_worker(layers):
    from engine.sandbox.worker import Worker

    return Worker(layers=layers)
