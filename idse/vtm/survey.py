"""Inspects a tree before anything is written: the present files, the wanted files and the obstacles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from idse.errors import IdseError
from idse.vtm import tree_files
from idse.vtm.insertions import SOURCES, PatchList
from idse.vtm.marking import MarkingError, comment_of, holds_marker, insert, strip
from idse.vtm.state import State, load_state, sha256
from idse.vtm.tree import VtmTree


class Source(NamedTuple):
    """A file of VTM that has idse's lines, should have them or is in the record.

    `patched` is None if the patch cannot be applied.
    """

    current: bytes
    pristine: bytes
    patched: bytes | None


@dataclass
class Survey:
    """The result of `look_over`; names are relative to the tree's root.

    Attributes:
        tree: The checkout.
        state: The record in the tree.
        sources: Files of VTM.
        wanted: Contents of the files that the patch copies into this version, by target.
        copies: Files that exist at the targets of this patch or of the recorded one.
        leftovers: Temporary files of a killed patch, with their full path.
        broken: Reasons why the tree can be neither patched nor unpatched.
        misfits: Reasons why this patch cannot be applied.
    """

    tree: VtmTree
    state: State | None
    wanted: dict[str, bytes]
    sources: dict[str, Source] = field(default_factory=dict)
    copies: dict[str, bytes] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)

    def is_ours(self, target: str) -> bool:
        """Return whether the file at `target` is an unchanged copy from idse."""
        data = self.copies[target]
        return data == self.wanted.get(target) or sha256(data) in self._recorded(target)

    def on_record(self, target: str) -> bool:
        """Return whether a patch put a file at `target`, even if its content has changed."""
        return bool(self._recorded(target))

    def _recorded(self, target: str) -> list[str]:
        return self.state.copies.get(target, []) if self.state else []


def look_over(tree: VtmTree, patch_list: PatchList) -> Survey:
    """Read everything that a patch touches or may have touched.

    Raises:
        IdseError: The record in the tree is damaged.
    """
    state = load_state(tree.root)
    survey = Survey(tree, state, patch_list.copies_for(tree.version))
    targets = survey.wanted.keys() | (state.copies.keys() if state else set())
    for target in sorted(targets):
        data = _read(survey, target)
        if data is not None:
            survey.copies[target] = data
    insertions = patch_list.insertions_for(tree.version)
    known = insertions.keys() | (state.files.keys() if state else set())
    # Every source is searched for markers: a patch of another version may have edited others.
    there, leftovers = tree_files.walk(tree.root, SOURCES)
    survey.leftovers = [str(path) for path in leftovers]
    for name in sorted((known | set(there)) - targets):
        current = _read(survey, name)
        if current is None:
            if name in insertions and not (tree.root / name).exists():
                survey.misfits.append(f"{name}: no such file in VTM {tree.version}")
            continue
        if name not in known and not holds_marker(current):
            continue
        try:
            pristine = strip(current)
        except MarkingError as error:
            survey.broken.append(
                f"{name}: {error}; restore the file as VTM has it (git checkout -- {name}), then run this again"
            )
            continue
        patched: bytes | None = None
        try:
            patched = insert(pristine, insertions.get(name, []), comment_of(name))
        except MarkingError as error:
            survey.misfits.append(f"{name}: {error}, in VTM {tree.version}")
        survey.sources[name] = Source(current, pristine, patched)
    return survey


def _read(survey: Survey, name: str) -> bytes | None:
    try:
        return tree_files.read(survey.tree.root, name)
    except IdseError as error:
        survey.broken.append(str(error))
        return None
