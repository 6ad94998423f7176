"""Measuring coded pictures with detectors: their inputs and outputs, the plan of a sweep, its jobs, store and tables."""
