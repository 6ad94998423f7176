"""idse: code pictures for machines with VVC.

A detector's sketched Jacobian says what matters in a picture, a VVC encoder spends its bits there, and any VVC
decoder plays the result. Importing this package imports no torch; making a map does.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from idse.errors import IdseError

try:
    __version__ = version("idse")
except PackageNotFoundError:  # run from the source tree
    __version__ = "0.1.0.dev0"

__all__ = ["IdseError", "__version__"]
