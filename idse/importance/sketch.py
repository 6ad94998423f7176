"""Random sketches S of the features, and the rows of the sketched Jacobian `J_S = S J_f`.

S has l rows over the concatenated elements of all feature levels. Its entries are independent, with mean 0 and variance
1/l. Then `E ||S v||^2 = ||v||^2` (Johnson and Lindenstrauss), and the sum over k of `J_S[k, j]^2` is an unbiased
estimate of `sum_i J_f[i, j]^2` with a relative error of about `sqrt(2/l)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from idse.errors import IdseError
from idse.importance.settings import LEVEL_NORMS, SKETCHES

_BATCH_BYTES = 512 << 20  # size limit of the gradients at the features, for batched products on a GPU


@contextmanager
def one_thread() -> Iterator[None]:
    """Make PyTorch compute on one thread of the CPU inside the `with` block.

    The sums of a convolution are divided among threads, so rounding depends on the number of threads. A map, and the
    stream made with it, must not depend on the number of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def draw_row(
    kind: str, features: Sequence[torch.Tensor], rows: int, generator: torch.Generator
) -> list[torch.Tensor]:
    """Draw one row of S: a tensor of the shape of each feature level.

    Args:
        kind: "rademacher": +-1/sqrt(l). "achlioptas": +-sqrt(3/l) with probability 1/6 each, else 0 (Achlioptas 2003,
            "Database-friendly random projections"). "gaussian": N(0, 1/l).
        features: The feature levels; shapes, dtype and device are taken from them.
        rows: The number l of rows of S.
        generator: On the CPU, so that a row does not depend on the device.

    Raises:
        IdseError: Unknown kind.
    """
    row = []
    for level in features:
        shape = level.shape
        if kind == "rademacher":
            bits = torch.randint(0, 2, shape, generator=generator, dtype=torch.int8)
            values = bits.to(torch.float32).mul_(2.0).sub_(1.0)
        elif kind == "achlioptas":
            die = torch.randint(0, 6, shape, generator=generator, dtype=torch.int8)
            values = ((die == 0).to(torch.float32) - (die == 1).to(torch.float32)).mul_(3.0**0.5)
        elif kind == "gaussian":
            values = torch.randn(shape, generator=generator)
        else:
            raise IdseError(f"sketch '{kind}': must be one of {', '.join(SKETCHES)}")
        row.append(values.mul_(rows**-0.5).to(level))
    return row


def level_scales(norm: str, features: Sequence[torch.Tensor]) -> list[float]:
    """Factor of each level's features in the feature distance.

    "none": the squared error is summed over all elements of all levels (as `idse.metrics.features` measures it, except
    for a constant factor). "mean": the mean squared errors of the levels are summed. "energy": the squared error of
    each level is divided by the level's energy.

    Raises:
        IdseError: Unknown norm.
    """
    if norm == "none":
        return [1.0] * len(features)
    if norm == "mean":
        return [f.numel() ** -0.5 for f in features]
    if norm == "energy":
        return [1.0 / max(float(f.detach().norm()), 1e-12) for f in features]
    raise IdseError(f"level norm '{norm}': must be one of {', '.join(LEVEL_NORMS)}")


def sketched_rows(
    function: Callable[[Sequence[torch.Tensor]], list[torch.Tensor]],
    inputs: Sequence[torch.Tensor],
    rows: int,
    generator: torch.Generator,
    *,
    kind: str = "rademacher",
    level_norm: str = "none",
) -> Iterator[list[torch.Tensor]]:
    """Yield the l rows of `S J_f`, each as one tensor per input.

    It takes one forward pass and l vector-Jacobian products. On a GPU the products run in batches. On the CPU they run
    one by one: batching with torch's vmap was measured 10-15 % slower, repeating the picture in the batch 60-90 %.

    Args:
        function: Maps the inputs to feature levels.
        inputs: Tensors of any shape.
        rows: The number l of rows, 1 or more.
        generator: Decides S.
        kind: See `draw_row`.
        level_norm: See `level_scales`.

    Raises:
        IdseError: No gradient flows from the features to any of the inputs.
    """
    leaves = [x.detach().requires_grad_(True) for x in inputs]
    with torch.enable_grad():
        features = function(leaves)
    if not any(f.requires_grad for f in features):
        raise IdseError(
            "no gradient flows from the features to the picture; use another detector or other nodes"
        )
    scales = level_scales(level_norm, features)
    used = [(f, s) for f, s in zip(features, scales, strict=True) if f.requires_grad]
    levels = [f for f, _ in used]
    batch = 1
    if leaves[0].device.type == "cuda":
        bytes_a_row = sum(f.numel() * f.element_size() for f in levels) + sum(4 * x.numel() for x in leaves)
        batch = max(1, _BATCH_BYTES // max(1, bytes_a_row))
    done = 0
    while done < rows:
        count = min(batch, rows - done)
        drawn = []
        for _ in range(count):
            row = draw_row(kind, features, rows, generator)
            drawn.append([r * s for r, f, s in zip(row, features, scales, strict=True) if f.requires_grad])
        done += count
        yield from _products(levels, leaves, drawn, keep=done < rows)


def _products(
    levels: list[torch.Tensor], leaves: list[torch.Tensor], drawn: list[list[torch.Tensor]], keep: bool
) -> Iterator[list[torch.Tensor]]:
    if len(drawn) == 1:
        grads = torch.autograd.grad(levels, leaves, drawn[0], retain_graph=keep, allow_unused=True)
        yield [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, grads, strict=True)]
        return
    stacked = [torch.stack(level) for level in zip(*drawn, strict=True)]
    grads = torch.autograd.grad(
        levels, leaves, stacked, retain_graph=keep, allow_unused=True, is_grads_batched=True
    )
    for k in range(len(drawn)):
        yield [torch.zeros_like(x) if g is None else g[k] for x, g in zip(leaves, grads, strict=True)]
