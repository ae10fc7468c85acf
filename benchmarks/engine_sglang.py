"""Start SGLang on a CPU without its kernels, which are not on the package index: `python engine_sglang.py ARGUMENTS`.

On a CPU without AMX SGLang computes with torch, but for one operation, given here: the hash behind seeded sampling.
Its deterministic mode is for GPUs only, so here it means seeds and not results that no batch changes. Memory that it
would pin for a GPU is not pinned.
"""

import runpy
import sys
from collections.abc import Callable
from types import ModuleType

import torch

_WORD = 0xFFFFFFFF


def _rotated(x: torch.Tensor, by: int) -> torch.Tensor:
    return (x << by | x >> 32 - by) & _WORD


def murmur_hash32(seed: torch.Tensor, positions: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Hash each row's seed and position with each column, as the kernel of this name does (MurmurHash3, 32 bits)."""
    seeds = seed.view(torch.int64)[:, None]
    h = torch.zeros(len(seeds), len(columns), dtype=torch.int64)
    for block in (seeds & _WORD, seeds >> 32 & _WORD, positions[:, None].long(), columns[None].long()):
        k = _rotated(block * 0xCC9E2D51 & _WORD, 15) * 0x1B873593 & _WORD
        h = _rotated(h ^ k, 13) * 5 + 0xE6546B64 & _WORD
    h = h ^ 16
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = (h ^ h >> shift) * factor & _WORD
    return h.to(torch.uint32)


def _absent(name: str) -> None:
    """Let SGLang import operations that it does not call here. A call would raise, for they are None."""
    if not name.endswith("_cpu"):
        raise AttributeError(name)


def _unpinned(make: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Forget `pin_memory`, which adapters ask for and torch refuses without a GPU."""
    return lambda *given, **rest: make(*given, **rest | {"pin_memory": False})


_HASH = "sgl_kernel::murmur_hash32_cpu"
torch.library.define(_HASH, "(Tensor seed, Tensor positions, Tensor columns) -> Tensor")
torch.library.impl(_HASH, "cpu", murmur_hash32)
kernels = sys.modules["sgl_kernel"] = ModuleType("sgl_kernel")
kernels.__dict__["__getattr__"] = _absent
for name in ("nms", "qnms"):  # SGLang imports torchvision, which is built for GPUs and misses these without one
    torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

torch.tensor, torch.zeros = _unpinned(torch.tensor), _unpinned(torch.zeros)
torch.Tensor.pin_memory = lambda tensor, *_: tensor  # type: ignore[method-assign]

import sglang.srt.batch_invariant_ops as invariant  # noqa: E402
from sglang.srt.arg_groups.choices import add_deterministic_attention_backend_choices  # noqa: E402

invariant.enable_batch_invariant_mode = lambda: None
add_deterministic_attention_backend_choices(["torch_native"])

if __name__ == "__main__":
    runpy.run_module("sglang.launch_server", run_name="__main__")
