"""The frames that a first encode gives, with the QPs they were coded at: where a map of two passes is made."""

from __future__ import annotations

from collections.abc import Iterable

from idse.media.frame import Frame


class DecodedFrames(list[Frame]):
    """A list of decoded frames that remembers its QPs, so that a map's META can name them.

    Attributes:
        qps: The QP of each frame.
    """

    def __init__(self, frames: Iterable[Frame], qps: Iterable[int]) -> None:
        super().__init__(frames)
        self.qps = tuple(qps)
