"""Puts idse's lines into a user's checkout of VTM, says whether they are there, takes them out again."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from idse.engines.vtm.tree import VtmTree


class PatchState(Enum):
    """Where a checkout stands; the value is what a user reads."""

    NOT_PATCHED = "not patched"
    CURRENT = "patched"
    EDITED = "patched, edited since"
    OUTDATED = "patched by another version of idse"
    PARTLY = "partly patched"


@dataclass(frozen=True)
class PatchStatus:
    """What `status` finds.

    Attributes:
        tree: The checkout.
        state: Where it stands; `CURRENT` and `EDITED` have all of idse's lines.
        details: One line for each file that is not as the patch left it, or for what stands in the way.
        patched_by: The version of idse that patched it, if any says so.
        executable_current: Whether there is an executable no older than the patched files.
        next_step: What to do next, in words.
    """

    tree: VtmTree
    state: PatchState
    details: tuple[str, ...] = ()
    patched_by: str | None = None
    executable_current: bool = False
    next_step: str = ""

    @property
    def usable(self) -> bool:
        """Whether every line of this idse's patch is in the sources."""
        return self.state in (PatchState.CURRENT, PatchState.EDITED)


@dataclass(frozen=True)
class PatchReport:
    """What `patch` or `unpatch` did; both lists are empty if there was nothing to do.

    Attributes:
        tree: The checkout.
        written: Files that were written, relative to the root.
        removed: Files that were removed, relative to the root.
        notes: Things the user may want to know, a line each.
    """

    tree: VtmTree
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def status(root: Path) -> PatchStatus:
    """Say where the checkout at `root` stands; writes nothing."""
    raise NotImplementedError


def patch(root: Path) -> PatchReport:
    """Patch the checkout at `root`, or bring its patch up to date."""
    raise NotImplementedError


def unpatch(root: Path) -> PatchReport:
    """Take the patch out of the checkout at `root`."""
    raise NotImplementedError
