"""`rltf doctor`: what this machine offers. Each layer of the sandbox is tested by trying to break it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import pkgutil
import platform
import sys
import warnings
from importlib import metadata
from pathlib import Path

from engine.sandbox import packages
from engine.sandbox.isolation import FILE_PROBES, LIMIT_PROBES, PROCESS_PROBES, Isolation, failed_imports, measure
from engine.sandbox.worker import LAYERS, Worker, WorkerError

_PACKAGES = ("torch", "transformers", "numpy", "pylint", "libcst", "peft", "vllm", "ray", "jupyterlab", "anywidget")
_PROMPT_TOKENS = 512
"""Assumed for the longest prompt where a configuration does not bound it."""
_ADVICE = {
    "rlimits": "run on Linux",
    "seccomp": "Linux on x86_64 or aarch64 with CONFIG_SECCOMP_FILTER, in a container runtime that lets it through "
    "(Docker's default profile does, gVisor does not)",
    "landlock": "Linux 5.13 or later with `landlock` in /sys/kernel/security/lsm (kernel parameter lsm=landlock,...)",
    "namespaces": "sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 and "
    "kernel.apparmor_restrict_unprivileged_userns=0 where they exist; ordinary containers go without",
}
_PROMISES = {
    0: "resource limits alone: programs can read your files and harm your processes",
    1: "no new processes, signals or network; programs can read what you can read",
    2: "no new processes, signals or network, and no file of this machine but Python's own",
    3: "the same, in name spaces of their own with a small private /tmp",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `rltf doctor`."""
    parser.add_argument("--config", metavar="CONFIG.toml", help="estimate the memory that a run's model needs instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the report. Returns 0 if programs can be judged here, 1 if not."""
    if arguments.config:
        return _memory(arguments.config)
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    print(f"python       {platform.python_version()}, {system}, {os.cpu_count()} processors, user {os.geteuid()}")
    print(f"packages     {_packages()}")
    print(f"accelerator  {_accelerator()}")
    return _sandbox()


def _memory(file: str) -> int:
    """Print what `training.run.memory` estimates for a configuration. Returns 2 if it cannot be read."""
    from transformers import AutoConfig

    from training.config import TrainConfig
    from training.errors import ConfigError, PolicyError
    from training.models.policy import resolve
    from training.run.memory import estimate, shape_of

    try:
        config = TrainConfig.load(file)
        described = AutoConfig.from_pretrained(resolve(config.model.name))
    except ConfigError as error:  # names the file
        print(f"rltf doctor: {error}", file=sys.stderr)
        return 2
    except (PolicyError, OSError, ValueError) as error:
        print(f"rltf doctor: {file}: {' '.join(str(error).split())[:300]}", file=sys.stderr)
        return 2
    shape = shape_of(described, config.model.lora_rank)
    prompt = config.model.max_prompt_tokens or _PROMPT_TOKENS
    found = estimate(config, shape, prompt)
    trained = f", and {shape.adapter / 1e6:.1f} million trained beside them (LoRA)" if shape.adapter else ""
    print(f"{config.model.name}: {shape.parameters / 1e6:.1f} million weights{trained}; prompts of {prompt} tokens")
    for name in ("weights", "gradients", "moments", "reference", "sampling", "learning", "peak"):
        print(f"  {name:<11}{getattr(found, name) / 2**30:8.2f} GiB")
    print("sampling and learning take turns; the peak counts the larger (an estimate: docs/models.md)")
    return 0


def _packages() -> str:
    versions = []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} -")
    return ", ".join(versions)


def _accelerator() -> str:
    try:
        import torch
    except ImportError as error:
        return f"torch cannot be imported ({error})"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ", ".join(names) or "none: models run on the CPU"


def _sandbox() -> int:
    print("sandbox, each layer without the others:")
    for layer in ("rlimits", *LAYERS):
        print(f"  {layer:<11}{_try(layer)}")
    try:
        found = _measured(LAYERS)
    except WorkerError as error:
        print(f"rltf doctor: no worker starts: {error}", file=sys.stderr)
        return 1
    print(f"sandbox, all together: isolation level {found}")
    print(f"  level {found.level}: {_PROMISES[found.level]} (docs/sandbox.md)")
    if found.open_probes:
        print(f"  attempts that succeeded: {', '.join(found.open_probes)}")
    if found.level == 0:
        print("rltf doctor: programs are refused without a system call filter (seccomp above)", file=sys.stderr)
        return 1
    return _imports()


def _imports() -> int:
    """Import, in the sandbox, what programs are promised. Returns 1 if something is missing there that is here."""
    offered = packages.installed()
    absent = [f"{name} is not installed here" for name in packages.OFFERED if name not in offered]
    names = [*offered, *_extension_modules()]
    worker = Worker()
    try:
        missing = failed_imports(worker, names)
    finally:
        worker.close()
    print(f"programs can import: {', '.join(['the standard library', *offered])}{'; '.join(['', *absent])}")
    for name, reason in missing.items():
        print(f"rltf doctor: programs in the sandbox cannot import {name}: {reason}", file=sys.stderr)
    return 1 if missing else 0


def _extension_modules() -> list[str]:
    """List the library's modules that need shared libraries, as far as this Python has them."""
    folders = [path for path in sys.path if Path(path).name == "lib-dynload"]
    names = [module.name for module in pkgutil.iter_modules(folders) if not module.name.startswith(("_test", "xx"))]
    present = []
    with warnings.catch_warnings(action="ignore"):  # old modules warn that they will go
        for name in names:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
                present.append(name)
    return present


def _try(layer: str) -> str:
    """Write a line on one layer: whether it holds, what was tried, and how to get it if it is missing."""
    attempts = {"seccomp": PROCESS_PROBES, "landlock": FILE_PROBES, "namespaces": ("process 1", *FILE_PROBES)}
    tried = attempts.get(layer, LIMIT_PROBES)
    try:
        found = _measured([layer] if layer in LAYERS else [])
    except WorkerError as error:
        return f"failed   {error}; to get it: {_ADVICE[layer]}"
    if layer in found.layers:
        return f"holds    tried to break it: {', '.join(tried)}"
    opened = ", ".join(name for name in found.open_probes if name in tried)
    reason = found.missing.get(layer) or f"these attempts succeeded: {opened or 'none, but its name spaces are shared'}"
    return f"missing  {reason}; to get it: {_ADVICE[layer]}"


def _measured(layers: tuple[str, ...] | list[str]) -> Isolation:
    worker = Worker(layers=layers)
    try:
        return measure(worker)
    finally:
        worker.close()
