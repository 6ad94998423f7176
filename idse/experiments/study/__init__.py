"""A sweep's results as curves and figures: what reports show and comparisons count."""

from idse.experiments.study.gallery import Cell, Gallery
from idse.experiments.study.measures import Measure
from idse.experiments.study.study import Codec, Figure, Point, Study, Times

__all__ = ["Cell", "Codec", "Figure", "Gallery", "Measure", "Point", "Study", "Times"]
