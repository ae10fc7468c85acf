"""Algorithms: what is learned from judged programs. One file is one method, with its configuration class.

Adding one is a file here and a line in `ALGORITHMS`; or, from outside, `objective.algorithm = "package.module:Name"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from training.algorithms.base import Algorithm, Parts
from training.errors import ConfigError
from training.named import load_named

__all__ = ["ALGORITHMS", "Algorithm", "Parts", "algorithm_class", "present_keys"]

_HERE = "training.algorithms"
ALGORITHMS = {
    "rltf": f"{_HERE}.policy_gradient:PolicyGradient",
    "rltf_paper": f"{_HERE}.policy_gradient:RltfPaper",
    "rltf_release": f"{_HERE}.policy_gradient:RltfRelease",
    "grpo": f"{_HERE}.policy_gradient:Grpo",
    "dr_grpo": f"{_HERE}.policy_gradient:DrGrpo",
    "dapo": f"{_HERE}.policy_gradient:Dapo",
    "gspo": f"{_HERE}.gspo:Gspo",
    "coderl": f"{_HERE}.coderl:CodeRl",
    "ppocoder": f"{_HERE}.ppocoder:PpoCoder",
    "sft": f"{_HERE}.supervised:Supervised",
}
"""By the name that `objective.algorithm` has."""


_IDLE = ("0", "0.0", "false", "none", "pass_ratio")


def algorithm_class(name: str) -> type[Algorithm]:
    """Find an algorithm, one of ours or by import path.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in ALGORITHMS and ":" not in name:
        raise ConfigError(f"algorithm: {name!r}; allowed: {', '.join(ALGORITHMS)} or package.module:Name")
    return cast("type[Algorithm]", load_named("algorithm", ALGORITHMS.get(name, name), Algorithm))


def present_keys(table: Mapping[str, object]) -> dict[str, object]:
    """Read an `objective` section of an earlier version, when all algorithms had all keys.

    Keys that said nothing are dropped. `critic_factor` made a critic weigh what another algorithm
    learned, which is what coderl does with that algorithm's numbers.
    """
    present = dict(table)
    name = str(table.get("algorithm", "rltf"))
    own = algorithm_class(name).Section
    if str(present.pop("critic_factor", False)).lower() not in _IDLE and not issubclass(own, _coderl()):
        present = {**own().model_dump(), **present, "algorithm": "coderl"}
        own = _coderl()
    elsewhere = {key for each in ALGORITHMS for key in algorithm_class(each).Section.model_fields}
    idle = {key for key, value in present.items() if key in elsewhere and str(value).lower() in _IDLE}
    return {key: value for key, value in present.items() if key in own.model_fields or key not in idle}


def _coderl() -> type[Algorithm.Section]:
    return algorithm_class("coderl").Section
