"""What the extra `learned` installs, and what is said without it."""

from __future__ import annotations

import warnings

from idse.errors import IdseError


def require_compressai() -> None:
    """Raise an `IdseError` that says how to install CompressAI, where it is missing."""
    try:
        with warnings.catch_warnings():  # of what compressai imports: of no use to who trains a codec
            warnings.simplefilter("ignore", FutureWarning)
            import compressai  # noqa: F401
    except ImportError as error:
        raise IdseError(f"learned codecs need compressai ({error}): pip install 'idse[learned]'") from None
