"""The measures of a study: the qualities that curves and BD-rates are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A measure of quality; higher is better.

    Attributes:
        key: "psnr_y"; with a detector "map_box:DETECTOR"; with a class "class_box:DETECTOR:CLASS".
        title: Name in the report.
        unit: "dB", or empty for a value between 0 and 1.
        group: "fidelity", "features", "detections" or "classes".
    """

    key: str
    title: str
    unit: str
    group: str

    @property
    def kind(self) -> str:
        """The key without detector and class."""
        return self.key.split(":", 1)[0]

    @property
    def detector(self) -> str | None:
        """The detector that the measure uses; None for fidelity."""
        parts = self.key.split(":")
        return parts[1] if len(parts) > 1 else None


FIDELITY = (
    Measure("psnr_y", "PSNR Y", "dB", "fidelity"),
    Measure("psnr_u", "PSNR U", "dB", "fidelity"),
    Measure("psnr_v", "PSNR V", "dB", "fidelity"),
    Measure("psnr_611", "PSNR 6:1:1", "dB", "fidelity"),
    Measure("ms_ssim", "MS-SSIM", "dB", "fidelity"),
)
PLANES = {"psnr_y": 0, "psnr_u": 1, "psnr_v": 2}


def detector_measures(
    detector: str, classes: Sequence[str], *, boxes: bool, masks: bool, weighted: bool
) -> list[Measure]:
    """The measures of a detector.

    Args:
        detector: The detector's name.
        classes: The annotations' classes that have objects in the pictures.
        boxes: Whether there are annotated boxes.
        masks: Whether there are annotated masks, and the detector gives masks.
        weighted: Whether to include weighted AP (Cityscapes).
    """
    found = [
        Measure(f"features:{detector}", f"features, {detector}", "dB", "features"),
        Measure(
            f"pseudo_ap:{detector}",
            f"AP against the uncompressed picture's detections, {detector}",
            "",
            "detections",
        ),
    ]
    for kind, there, words in (("box", boxes, "boxes"), ("mask", masks, "masks")):
        if there:
            found += [
                Measure(f"map_{kind}:{detector}", f"mAP {words}, {detector}", "", "detections"),
                Measure(f"ap50_{kind}:{detector}", f"AP50 {words}, {detector}", "", "detections"),
            ]
            if weighted:
                found.append(Measure(f"wap_{kind}:{detector}", f"wAP {words}, {detector}", "", "detections"))
            found += [
                Measure(f"class_{kind}:{detector}:{c}", f"{c}, {words}, {detector}", "", "classes")
                for c in classes
            ]
    return found
