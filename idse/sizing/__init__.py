"""Choosing the size that a picture is coded at: the detectors' distances, and the choice from fast encodes."""
