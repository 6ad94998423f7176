"""Hashes of settings: what results are kept under."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def settings_hash(settings: dict[str, Any], digits: int = 12) -> str:
    """Hexadecimal digits that change with anything in `settings` (JSON-able; anything else counts as its words)."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:digits]
