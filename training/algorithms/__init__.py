"""Algorithms: what is learned from judged programs. One file is one method, with its configuration class.

Adding one is a file here and a line in `ALGORITHMS`; or, from outside, `objective.algorithm = "package.module:Name"`.
"""

from __future__ import annotations

from typing import cast

from training.algorithms.base import DEFAULT, Algorithm, Parts
from training.errors import ConfigError
from training.named import load_named

__all__ = ["ALGORITHMS", "DEFAULT", "Algorithm", "Parts", "algorithm_class"]

_HERE = "training.algorithms"
ALGORITHMS = {
    "rltf": f"{_HERE}.rltf:Rltf",
    "rltf_paper": f"{_HERE}.rltf:RltfPaper",
    "rltf_release": f"{_HERE}.rltf:RltfRelease",
    "grpo": f"{_HERE}.grpo:Grpo",
    "dr_grpo": f"{_HERE}.grpo:DrGrpo",
    "dapo": f"{_HERE}.grpo:Dapo",
    "gspo": f"{_HERE}.gspo:Gspo",
    "credit": f"{_HERE}.credit:Credit",
    "branch": f"{_HERE}.branch:Branch",
    "coderl": f"{_HERE}.coderl:CodeRl",
    "ppocoder": f"{_HERE}.ppocoder:PpoCoder",
    "sft": f"{_HERE}.sft:Sft",
}
"""By the name that `objective.algorithm` has."""


def algorithm_class(name: str) -> type[Algorithm]:
    """Find an algorithm, one of ours or by import path.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in ALGORITHMS and ":" not in name:
        raise ConfigError(f"algorithm: {name!r}; allowed: {', '.join(ALGORITHMS)} or package.module:Name")
    return cast("type[Algorithm]", load_named("algorithm", ALGORITHMS.get(name, name), Algorithm))
