"""Several processes that train together, started by torchrun; without torchrun a single process.

    torchrun --nproc-per-node 4 -m idse train CONFIG.toml

Every process sees its own part of each batch, and torch's DistributedDataParallel averages the gradients. Only rank 0
writes files and prints messages.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from idse.errors import IdseError
from idse.features.loading import pick_device

_PATIENCE = datetime.timedelta(hours=6)
"""How long a process waits for the others. They wait while rank 0 validates."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class World:
    """This process, and how many train together.

    Attributes:
        rank: Number of this process, 0..size - 1.
        size: Number of processes.
        device: Device of this process.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def main(self) -> bool:
        """Whether this process writes files and prints messages."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Wrap a module so that its gradients are averaged over the processes; call the returned module.

        All processes then have the weights of rank 0. In a single process, or if nothing is trained, the module is
        returned as it is.
        """
        if self.size == 1 or not any(p.requires_grad for p in module.parameters()):
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=True)

    def barrier(self) -> None:
        """Wait until all processes have called this."""
        if self.size > 1:
            distributed.barrier()

    def broadcast(self, value: _T) -> _T:
        """Return rank 0's value in every process; it must be picklable."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Mean of each value over the processes, which must all give the same names."""
        if self.size == 1:
            return dict(values)
        sums = torch.tensor([float(values[name]) for name in sorted(values)], dtype=torch.float64)
        sums = sums.to(self.device)
        distributed.all_reduce(sums)
        return dict(zip(sorted(values), (sums / self.size).tolist(), strict=True))


def accumulating(module: nn.Module, last: bool) -> contextlib.AbstractContextManager[Any]:
    """Context for forward and backward of one part of an accumulated gradient: only the `last` is exchanged."""
    if last or not isinstance(module, DistributedDataParallel):
        return contextlib.nullcontext()
    return module.no_sync()


@contextlib.contextmanager
def world(device: str = "auto") -> Iterator[World]:
    """Join the processes that torchrun started; without torchrun a single process.

    Args:
        device: "cpu", "cuda" (each process takes the GPU of its local rank) or "auto".

    Raises:
        IdseError: The device is missing, there are fewer GPUs than processes, or they cannot connect.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device=pick_device(device))
        return
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    found = pick_device(device)
    if found.type == "cuda":
        if found.index is not None:
            raise IdseError(
                f"device {device}: with torchrun each process uses its own GPU: use --device cuda"
            )
        found = pick_device(f"cuda:{local}")
        torch.cuda.set_device(found)
    try:
        distributed.init_process_group("nccl" if found.type == "cuda" else "gloo", timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise IdseError(f"the processes of torchrun cannot connect: {error}") from error
    try:
        yield World(rank, size, found)
    finally:
        distributed.destroy_process_group()
