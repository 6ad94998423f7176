"""Differentiable feature extractors with one protocol (`base.FeatureExtractor`); `loading.load_extractor` loads them.

Importing this package does not import torch.
"""
