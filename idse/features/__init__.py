"""Differentiable feature extractors behind one protocol (`base.FeatureExtractor`); `api.load_extractor` finds them.

Importing this package imports no torch.
"""
