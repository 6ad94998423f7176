"""Hashes of settings and files, which are the keys of results."""

from __future__ import annotations

import hashlib
import json
from typing import Any, BinaryIO


def settings_hash(settings: dict[str, Any], digits: int = 12) -> str:
    """Return a hexadecimal hash of `settings`; values that JSON does not know are hashed as text (`str`)."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:digits]


def file_hash(file: BinaryIO) -> str:
    """Return the hexadecimal SHA-256 of the rest of an open file."""
    digest = hashlib.sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()
