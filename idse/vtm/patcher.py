"""Adds idse's lines to a user's checkout of VTM, reports whether they are there, and removes them again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path, PurePosixPath

from idse import __version__
from idse.errors import IdseError
from idse.vtm import tree_files
from idse.vtm.insertions import PatchList, load_patch_list
from idse.vtm.state import STATE, Edited, State, sha256
from idse.vtm.survey import Survey, look_over
from idse.vtm.tree import VtmTree


class PatchState(Enum):
    """The state of a checkout; the value is the text for the user."""

    NOT_PATCHED = "not patched"
    CURRENT = "patched"
    EDITED = "patched, edited since"
    OUTDATED = "patched by another version of idse"
    PARTLY = "partly patched"


@dataclass(frozen=True)
class PatchStatus:
    """The result of `status`.

    Attributes:
        tree: The checkout.
        state: The state of the checkout; `CURRENT` and `EDITED` have all of idse's lines.
        details: One line for each file that is not as the patch left it, or that prevents a patch.
        patched_by: The version of idse that patched the checkout, if it is recorded.
        executable_current: Whether there is an executable that is not older than the patched files.
        next_step: What the user should do next, as text.
    """

    tree: VtmTree
    state: PatchState
    details: tuple[str, ...] = ()
    patched_by: str | None = None
    executable_current: bool = False
    next_step: str = ""

    @property
    def usable(self) -> bool:
        """Whether the sources have every line of the patch of this idse."""
        return self.state in (PatchState.CURRENT, PatchState.EDITED)


@dataclass(frozen=True)
class PatchReport:
    """The result of `patch` or `unpatch`; both lists are empty if there was nothing to do.

    Attributes:
        tree: The checkout.
        written: Files that were written, relative to the root.
        removed: Files that were removed, relative to the root.
        notes: Further information for the user, one line each.
    """

    tree: VtmTree
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def status(root: Path, patch_list: PatchList | None = None) -> PatchStatus:
    """Find the state of the checkout at `root`, without writing anything.

    Args:
        root: The checkout.
        patch_list: The patch to compare with; by default idse's own.

    Raises:
        IdseError: The folder is not a checkout of a supported VTM, or its record is damaged.
    """
    patch_list = patch_list or load_patch_list()
    tree = VtmTree.open(root, patch_list.supported)
    survey = look_over(tree, patch_list)
    state, details = _judge(survey, patch_list.digest)
    fresh = state in (PatchState.CURRENT, PatchState.EDITED) and _built_since(survey)
    return PatchStatus(
        tree,
        state,
        tuple(details),
        survey.state.idse if survey.state else None,
        fresh,
        _next_step(survey, state, fresh),
    )


def patch(root: Path, patch_list: PatchList | None = None) -> PatchReport:
    """Patch the checkout at `root`, or bring its patch up to date; only files whose content changes are written.

    Args:
        root: The checkout.
        patch_list: The patch; by default idse's own.

    Raises:
        IdseError: The patch does not fit the tree (then nothing was written), or a file cannot be written.
    """
    patch_list = patch_list or load_patch_list()
    tree = VtmTree.open(root, patch_list.supported)
    survey = look_over(tree, patch_list)
    _refuse(tree, _obstacles(survey), "patched")
    writes = {
        n: s.patched for n, s in survey.sources.items() if s.patched is not None and s.patched != s.current
    }
    writes |= {t: content for t, content in survey.wanted.items() if survey.copies.get(t) != content}
    obsolete = [target for target in survey.copies if target not in survey.wanted]
    done = State(
        __version__,
        tree.version,
        patch_list.digest,
        True,
        {
            n: Edited(sha256(s.pristine), sha256(s.patched))
            for n, s in survey.sources.items()
            if s.patched is not None and s.patched != s.pristine
        },
        {target: [sha256(content)] for target, content in survey.wanted.items()},
    )
    old = survey.state
    if not writes and not obsolete and old and old.complete and old.patch == done.patch:
        return PatchReport(tree)
    _check_folders(tree, [*writes, *obsolete])
    with _half_done(tree), tree_files.finishing():
        if writes or obsolete:
            # The record is written first, so that idse's files are known whatever happens next.
            copies = {
                t: [*hashes, *(old.copies.get(t, []) if old else [])] for t, hashes in done.copies.items()
            }
            copies = {**(old.copies if old else {}), **copies}
            replace(done, complete=False, copies=copies).save(tree.root)
        for name, data in writes.items():
            tree_files.make_folder((tree.root / name).parent)
            tree_files.write(tree.root / name, data)
        for target in obsolete:
            tree_files.remove(tree.root / target)
        _tidy(survey)
        done.save(tree.root)
    return PatchReport(tree, tuple(sorted(writes)), tuple(obsolete))


def unpatch(root: Path, patch_list: PatchList | None = None) -> PatchReport:
    """Remove the patch from the checkout at `root`, for any version of idse and VTM.

    Args:
        root: The checkout.
        patch_list: The patch, which names the copied files in a tree without a record; by default idse's own.

    Raises:
        IdseError: A copied file was edited or markers are damaged (then nothing was written), or a file cannot be
            written.
    """
    patch_list = patch_list or load_patch_list()
    tree = VtmTree.open(root, None)
    survey = look_over(tree, patch_list)
    foreign = {target for target in survey.copies if not survey.is_ours(target)}
    edited = [line for target, line in _foreign(survey).items() if survey.on_record(target)]
    _refuse(tree, [*survey.broken, *edited], "cleaned")
    writes = {name: s.pristine for name, s in survey.sources.items() if s.pristine != s.current}
    removed = [target for target in survey.copies if target not in foreign]
    notes = [f"{target}: left alone, it is not the file that idse copies" for target in sorted(foreign)]
    for name in writes:
        record = survey.state.files.get(name) if survey.state else None
        if record and record.before != sha256(writes[name]):
            notes.append(f"{name}: has other edits too, which stay")
    if not writes and not removed and survey.state is None:
        return PatchReport(tree, notes=tuple(notes))
    _check_folders(tree, [*writes, *removed])
    with _half_done(tree), tree_files.finishing():
        for name, data in writes.items():
            tree_files.write(tree.root / name, data)
        for target in removed:
            tree_files.remove(tree.root / target)
        _tidy(survey)
        tree_files.remove(tree.root / STATE)
    return PatchReport(tree, tuple(sorted(writes)), tuple(removed), tuple(notes))


def _judge(survey: Survey, digest: str) -> tuple[PatchState, list[str]]:
    """Return the state and its details."""
    state = survey.state
    obstacles = _obstacles(survey)
    carrying = {name for name, s in survey.sources.items() if s.current != s.pristine}
    ours = {target for target in survey.copies if survey.is_ours(target)}
    if state is None:
        if not carrying and not ours:
            return PatchState.NOT_PATCHED, obstacles
        found = [f"{name}: holds idse's lines" for name in sorted(carrying)]
        return PatchState.PARTLY, [f"there is no {STATE}", *found, *obstacles]
    if not state.complete:
        return PatchState.PARTLY, ["the last patch was interrupted", *obstacles]
    changed = [
        name
        for name, record in state.files.items()
        if name not in survey.sources or sha256(survey.sources[name].current) != record.after
    ]
    details = [f"{name}: changed since the patch" for name in changed]
    missing = [target for target in state.copies if target not in ours]
    if state.patch != digest:
        if carrying >= set(changed) and not missing:
            return PatchState.OUTDATED, [*details, *obstacles]
    else:
        misses = any(s.patched != s.current for s in survey.sources.values())
        if not misses and not missing and not obstacles:
            return (PatchState.EDITED if changed else PatchState.CURRENT), details
    details += [f"{target}: missing" for target in missing if target not in survey.copies]
    return PatchState.PARTLY, [*details, *obstacles]


def _obstacles(survey: Survey) -> list[str]:
    """Return the reasons why the tree cannot be patched."""
    return [*survey.broken, *survey.misfits, *_foreign(survey).values()]


def _foreign(survey: Survey) -> dict[str, str]:
    """Return the files that are in the place of idse's copies, with what to do about each of them."""
    return {
        target: f"{target}: was edited since idse copied it there; save your edits elsewhere and delete the file"
        if survey.on_record(target)
        else f"{target}: exists already and is not idse's; move it away"
        for target in survey.copies
        if not survey.is_ours(target)
    }


def _refuse(tree: VtmTree, obstacles: list[str], what: str) -> None:
    if obstacles:
        raise IdseError(f"{tree.root} cannot be {what}, nothing was changed: {'; '.join(obstacles)}")


def _check_folders(tree: VtmTree, names: list[str]) -> None:
    """Check the folders before the first write."""
    folders = {tree.root, *((tree.root / name).parent for name in names)}
    for folder in sorted(folders):
        there = folder
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            raise IdseError(f"{there}: is a file instead of a folder; restore VTM's own tree")
        tree_files.check_writable(there)


def _tidy(survey: Survey) -> None:
    """Remove temporary files of a killed patch, and folders that only contained idse's copies."""
    for path in survey.leftovers:
        tree_files.remove(Path(path))
    targets = survey.wanted.keys() | (survey.state.copies.keys() if survey.state else set())
    folders = {parent for target in targets for parent in PurePosixPath(target).parents}
    for folder in sorted(folders, reverse=True):  # the deepest first
        with contextlib.suppress(OSError):  # not empty, or never made
            (survey.tree.root / folder).rmdir()


@contextlib.contextmanager
def _half_done(tree: VtmTree) -> Iterator[None]:
    try:
        yield
    except IdseError as error:
        raise IdseError(
            f"{error}; {tree.root} is partly changed: then run `idse vtm patch` again, or `idse vtm unpatch`"
        ) from None


def _built_since(survey: Survey) -> bool:
    executable = survey.tree.executable
    if executable is None:
        return False
    touched = [n for n, s in survey.sources.items() if s.current != s.pristine] + list(survey.wanted)
    newest = max(((survey.tree.root / name).stat().st_mtime_ns for name in touched), default=0)
    return executable.stat().st_mtime_ns >= newest


def _next_step(survey: Survey, state: PatchState, fresh: bool) -> str:
    root = survey.tree.root
    if _obstacles(survey):
        return "set right what is named above, or use a fresh checkout of VTM"
    if state is PatchState.NOT_PATCHED:
        return f"patch it: idse vtm patch {root}"
    if state in (PatchState.PARTLY, PatchState.OUTDATED):
        return f"finish it: idse vtm patch {root} (or remove it: idse vtm unpatch {root})"
    if fresh:
        return "nothing, it is ready"
    return "build it as VTM's README says, starting with cmake, which has to find the added files"
