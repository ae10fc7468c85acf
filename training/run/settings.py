"""The settings in a run directory, `config.toml`: marked as that run's and as whole, and read whatever wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import RunError
from training.files import write_text

if TYPE_CHECKING:
    from training.config import TrainConfig

_FIRST_LINE = "# Settings of run {}; change them on the command line, with --resume --section.key VALUE"
_LAST_LINE = "# end of the settings"
_IDLE = ("0", "0.0", "false", "none", "pass_ratio")
"""Values that said nothing."""


def write_settings(path: Path, config: TrainConfig, identity: str) -> None:
    """Write `config.toml` of a run, marked as that run's and as whole."""
    write_text(path / "config.toml", f"{_FIRST_LINE.format(identity)}\n{config.to_toml()}{_LAST_LINE}\n")


def read_settings(path: Path, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """Read `config.toml` of a run, with `section.key` -> value overrides laid over it.

    Raises:
        ConfigError: it cannot be read, or a value is not allowed.
    """
    from training.config import TrainConfig, read_toml  # pages and views of runs start fast

    file = path / "config.toml"
    table = read_toml(file)
    if isinstance(objective := table.get("objective"), dict):
        table["objective"] = _present_keys(objective)
    return TrainConfig.of(table, overrides, f" (in {file} or the command line)")


def identity_of(path: Path) -> str:
    """Return the identity of the run that the settings in a directory belong to, whatever its name and place.

    Raises:
        RunError: they cannot be read, or are not as they were written.
    """
    file = path / "config.toml"
    try:
        first, *_, last = file.read_text(encoding="utf-8").splitlines() or ["", ""]
    except OSError as error:
        raise RunError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError:  # a single line, or not UTF-8
        first = last = ""
    before, _, after = _FIRST_LINE.partition("{}")
    if not (first.startswith(before) and first.endswith(after) and last == _LAST_LINE):
        raise RunError(
            f"{file}: is not as a trainer of this version wrote it (an earlier version's, cut short, or replaced);"
            " nothing was changed: begin anew with --restart, which keeps what is there"
        )
    return first.removeprefix(before).removesuffix(after)


def _present_keys(table: Mapping[str, object]) -> dict[str, object]:
    """Drop the keys that an algorithm lacks and that said nothing. In an earlier version each had the keys of all.

    `critic_factor` made a critic weigh what another algorithm learned, which is what coderl does with its numbers.
    """
    from training.algorithms import ALGORITHMS, DEFAULT, algorithm_class

    present = dict(table)
    if str(present.pop("critic_factor", False)).lower() not in _IDLE:
        present["algorithm"] = "coderl"
    own = algorithm_class(str(present.get("algorithm", DEFAULT))).Section.model_fields
    known = {key for name in ALGORITHMS for key in algorithm_class(name).Section.model_fields}
    idle = {key for key, value in present.items() if key in known and str(value).lower() in _IDLE}
    return {key: value for key, value in present.items() if key in own or key not in idle}
