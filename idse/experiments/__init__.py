"""Measuring coded pictures with detectors: the plan of a sweep, its work, store and tables."""
