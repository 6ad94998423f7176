"""Hashes of settings: what results are kept under."""

from __future__ import annotations

import hashlib
import json
from typing import Any, BinaryIO


def settings_hash(settings: dict[str, Any], digits: int = 12) -> str:
    """Hexadecimal digits that change with anything in `settings` (JSON-able; anything else counts as its words)."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:digits]


def file_hash(file: BinaryIO) -> str:
    """SHA-256, hexadecimal, of what is left to read."""
    digest = hashlib.sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()
