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
    assert any(line.startswith("programs can import: the standard library") for line in printed)
    assert status == 0


def test_a_package_that_programs_cannot_import_is_named_with_its_reason(monkeypatch, tmp_path, capsys):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('libblas.so: cannot open shared object file')")
    monkeypatch.setattr(doctor.packages, "installed", lambda: {"numpy": [str(tmp_path / "numpy")]})
    monkeypatch.setattr("engine.sandbox.worker.installed", lambda: {"numpy": [str(tmp_path / "numpy")]})
    assert doctor.run(argparse.Namespace(config=None)) == 1
    assert "programs in the sandbox cannot import numpy: ImportError: libblas.so" in capsys.readouterr().err


def test_a_promised_package_that_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr(doctor.packages, "installed", dict)
    monkeypatch.setattr("engine.sandbox.worker.installed", dict)
    assert doctor.run(argparse.Namespace(config=None)) == 0
    assert "programs can import: the standard library; numpy is not installed here" in capsys.readouterr().out


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
