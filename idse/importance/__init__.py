"""What matters in a picture: sketched Jacobians, weight maps and their file.

Importing this package imports neither torch nor numpy: `ImportanceSettings` and `MapMaker` are loaded when they are
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from idse.importance.maker import ImportanceSettings, MapMaker

__all__ = ["ImportanceSettings", "MapMaker"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from idse.importance import maker

        return getattr(maker, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
