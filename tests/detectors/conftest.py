"""Makes this folder's models and those of the extractors' tests importable; one thread."""

import sys
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "features")]
torch.set_num_threads(1)
