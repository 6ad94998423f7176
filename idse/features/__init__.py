"""Differentiable feature extractors behind one protocol (`base.FeatureExtractor`); `loading.load_extractor` finds them.

Importing this package imports no torch.
"""
