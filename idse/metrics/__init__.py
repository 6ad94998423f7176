"""What a coded picture is worth: PSNR, feature distance, average precision, BD-rate and its uncertainty.

Nothing here knows how a stream was made, and nothing here imports torch.
"""

from idse.metrics.bd_rate import BdRate, bd_rate, overlap
from idse.metrics.bootstrap import half_interval, resamples
from idse.metrics.detection import (
    Detections,
    MatchedDetections,
    Rle,
    Truth,
    align,
    average_precision,
    match,
    pseudo_ground_truth,
    pseudo_truth,
)
from idse.metrics.features import FeatureError, feature_distance, feature_error
from idse.metrics.psnr import PEAK_10BIT, plane_sse, psnr_from_sse, psnr_planes

__all__ = [
    "PEAK_10BIT",
    "BdRate",
    "Detections",
    "FeatureError",
    "MatchedDetections",
    "Rle",
    "Truth",
    "align",
    "average_precision",
    "bd_rate",
    "feature_distance",
    "feature_error",
    "half_interval",
    "match",
    "overlap",
    "plane_sse",
    "pseudo_ground_truth",
    "pseudo_truth",
    "psnr_from_sse",
    "psnr_planes",
    "resamples",
]
