"""A sweep's results as curves and figures: what reports show and comparisons count."""

from idse.study.gallery import Cell, Gallery
from idse.study.measures import Measure
from idse.study.study import Codec, Figure, Point, Study, Times

__all__ = ["Cell", "Codec", "Figure", "Gallery", "Measure", "Point", "Study", "Times"]
