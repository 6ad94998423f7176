"""From pictures to streams of a trained codec and back. Importing this package, or `stream`, does not import torch."""
