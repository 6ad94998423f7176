"""Quality measures of coded pictures: PSNR, MS-SSIM, feature distance, average precision; BD-rates and their intervals.

These modules are independent of the codecs, and only MS-SSIM imports torch.
"""

from idse.metrics.average_precision import PrecisionCurves
from idse.metrics.bd_rate import BdQuality, BdRate, bd_quality, bd_rate, overlap
from idse.metrics.bootstrap import half_interval, resamples
from idse.metrics.coco import coco_evaluate
from idse.metrics.detection import Detections, Rle, Truth, align, pseudo_truth
from idse.metrics.features import FeatureError, feature_distance, feature_error
from idse.metrics.matching import Matches, match
from idse.metrics.ms_ssim import ms_ssim_db, ms_ssim_planes
from idse.metrics.pareto import MatchedCost, matched_cost, pareto_front
from idse.metrics.psnr import PEAK_10BIT, plane_sse, psnr_611, psnr_from_sse, psnr_planes

__all__ = [
    "PEAK_10BIT",
    "BdQuality",
    "BdRate",
    "Detections",
    "FeatureError",
    "MatchedCost",
    "Matches",
    "PrecisionCurves",
    "Rle",
    "Truth",
    "align",
    "bd_quality",
    "bd_rate",
    "coco_evaluate",
    "feature_distance",
    "feature_error",
    "half_interval",
    "match",
    "matched_cost",
    "ms_ssim_db",
    "ms_ssim_planes",
    "overlap",
    "pareto_front",
    "plane_sse",
    "pseudo_truth",
    "psnr_611",
    "psnr_from_sse",
    "psnr_planes",
    "resamples",
]
