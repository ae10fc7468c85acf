"""Find the processes that a launcher started, and let them exchange objects, through Accelerate.

`accelerate launch` reads Accelerate's configuration file and leaves in the environment what is read here. FSDP1 and
model parallel plans are refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
from accelerate import Accelerator, FullyShardedDataParallelPlugin
from accelerate.utils import DistributedType, InitProcessGroupKwargs, disable_fsdp_ram_efficient_loading

from training.errors import ConfigError, ElsewhereError, LostError, Stopping
from training.learners.deepspeed_settings import check_settings, load_deepspeed
from training.ranks import Ranks

T = TypeVar("T")

_SHARED = (Stopping, FloatingPointError)
"""Exceptions that end the loop in all processes alike."""


class AccelerateRanks(Ranks):
    """The processes that `accelerate launch` or `torchrun` started, of which this is one.

    Raises:
        ConfigError: Accelerate is configured for something that is not supported here.
    """

    def __init__(self) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # accelerate warns where it is unset; `set_threads` decides later
        disable_fsdp_ram_efficient_loading()  # which leaves all processes but one without weights to sample from
        cpu, handlers = not torch.cuda.is_available(), []
        if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
            load_deepspeed()
            handlers = [InitProcessGroupKwargs(backend="gloo")] if cpu else []
            cpu = False  # which would be Accelerate's own way with CPUs, without DeepSpeed
        self.accelerator = Accelerator(cpu=cpu, kwargs_handlers=handlers, mixed_precision="no")  # model.dtype decides
        state = self.accelerator.state
        if state.distributed_type is DistributedType.MULTI_CPU and os.environ.get("ACCELERATE_USE_FSDP") == "true":
            state.distributed_type = DistributedType.FSDP  # which torch does on CPUs too; accelerate looks at GPUs only
            state.fsdp_plugin = FullyShardedDataParallelPlugin()
        whole = state.distributed_type in (DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
        if state.distributed_type is DistributedType.DEEPSPEED:
            check_settings(state.deepspeed_plugin.deepspeed_config)
        elif not whole and not self.accelerator.is_fsdp2:
            raise ConfigError(
                f"accelerate is configured for {state.distributed_type.value}; allowed here: MULTI_GPU (or MULTI_CPU),"
                " FSDP with fsdp_version 2, DEEPSPEED"
            )
        self.index, self.count = self.accelerator.process_index, self.accelerator.num_processes
        self.per_machine = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        self.engine: str = state.distributed_type.value
        """What Accelerate is configured for."""
        self._group = torch.distributed.new_group(backend="gloo")  # waits on the CPU, whatever the accelerator does

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Return the result of `work` in each process. See `Ranks`."""
        failure: Exception | None = None
        value: T | None = None
        try:
            value = work()
        except (ElsewhereError, LostError):
            raise  # the others know
        except Exception as error:
            failure = error
        shared = failure if isinstance(failure, _SHARED) else None
        told = (value, shared, type(failure).__name__ if failure and not shared else "")
        found: list[Any] = [None] * self.count
        with self.meeting("between batches"):
            torch.distributed.all_gather_object(found, told, group=self._group)
        failed = [index for index, (_, _, kind) in enumerate(found) if kind]
        if failed:
            if failed[0] == self.index and failure is not None:
                raise failure
            raise ElsewhereError(f"rank {failed[0]}: {found[failed[0]][2]}") from failure
        for _, shared, _ in found:
            if shared is not None:
                raise shared
        return [value for value, _, _ in found]

    def first(self, work: Callable[[], T]) -> T:
        """Return the result of `work` on rank 0. See `Ranks`."""
        return self.gather(work if self.leads else cast("Callable[[], T]", lambda: None))[0]

    def together(self, work: Callable[[], T]) -> T:
        """Return the result of `work` in this process, once all processes have done it."""
        kept: list[T] = []
        self.gather(lambda: kept.append(work()))
        return kept[0]

    def close(self) -> None:
        """Leave the process group."""
        self.accelerator.end_training()

    @contextmanager
    def meeting(self, what: str) -> Iterator[None]:
        """Enter a context for work in which processes communicate. `what` names it in the message.

        Raises:
            LostError: one of them is gone.
        """
        try:
            yield
        except RuntimeError as error:
            gone = isinstance(error, torch.distributed.DistError) or "gloo" in str(
                error
            )  # which has no type of its own
            if not gone or isinstance(error, LostError):
                raise
            raise LostError(
                f"process {self.index} of {self.count}: another one is gone, noticed {what}; go on with --resume"
            ) from error
