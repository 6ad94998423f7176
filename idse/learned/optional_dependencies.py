"""The check for the packages of the extra `learned`."""

from __future__ import annotations

import warnings

from idse.errors import IdseError


def require_compressai() -> None:
    """Raise an `IdseError` that says how to install CompressAI if it is missing."""
    try:
        with warnings.catch_warnings():  # warnings of compressai's own imports
            warnings.simplefilter("ignore", FutureWarning)
            import compressai  # noqa: F401
    except ImportError as error:
        raise IdseError(f"learned codecs need compressai ({error}): pip install 'idse[learned]'") from None
