from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

class Settings:
    qp: int
    target_bytes: int
    preset: int
    threads: int
    # made by scripts/generate_tools.py:
    ctu_size: int
    dual_tree: bool
    cclm: bool
    dependent_quant: bool
    transform_skip: bool
    deblocking: bool
    wpp: bool
    # end of what is made
    md5_sei: bool
    cb_qp_offset: int
    cr_qp_offset: int
    weight_scope: int
    frequency_scope: int
    scaling_lists: int
    tau: float
    exponent: float
    clip_qp: float
    gamma: float
    profile_floor: float

class Weights:
    def __init__(
        self,
        log2_unit: int,
        planes: Sequence[NDArray[np.float32]],
        tiles: NDArray[np.float32] | None = None,
        profiles: NDArray[np.float32] | None = None,
    ) -> None: ...

def encode(
    frames: Sequence[Sequence[NDArray[Any]]],
    width: int,
    height: int,
    bit_depth: int,
    chroma: int,
    weights: Sequence[Weights],
    settings: Settings,
    progress: Callable[[float], object] | None = None,
) -> tuple[bytes, list[tuple[NDArray[np.uint16], ...]], list[dict[str, Any]]]: ...
def encoder_version() -> str: ...
