"""The store of results: one SQLite file that sweeps share. It stays intact if a sweep is killed.

Measured results are kept under a content hash of everything that decides them (`results`, `observations`, `maps`). A
sweep lists which of them are its cells (`sweeps`, `codecs`, `items`, `detectors`, `cells`), so two sweeps with the same
encode share its result. A running sweep claims the keys that it works on (`claims`), so that no other sweep does them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from idse.errors import IdseError
from idse.json_text import parse_json

VERSION = 1
_CLAIM_SECONDS = 120.0
"""A claim that was not renewed for this long is not valid any more: its sweep was killed."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, figures TEXT NOT NULL, provenance TEXT NOT NULL, stream BLOB, map TEXT);
CREATE TABLE IF NOT EXISTS observations (
    key TEXT NOT NULL, detector TEXT NOT NULL, truth TEXT NOT NULL, feature_sse REAL, feature_elements INTEGER,
    detections BLOB NOT NULL, pseudo BLOB, boxes BLOB, masks BLOB, PRIMARY KEY (key, detector, truth)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS maps (key TEXT PRIMARY KEY, map BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sweeps (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, plan TEXT NOT NULL, about TEXT NOT NULL, updated REAL NOT NULL);
CREATE TABLE IF NOT EXISTS codecs (
    sweep INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
    PRIMARY KEY (sweep, position));
CREATE TABLE IF NOT EXISTS items (
    sweep INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL,
    truth TEXT NOT NULL, PRIMARY KEY (sweep, position));
CREATE TABLE IF NOT EXISTS detectors (
    sweep INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL,
    description TEXT NOT NULL, PRIMARY KEY (sweep, position));
CREATE TABLE IF NOT EXISTS cells (
    sweep INTEGER NOT NULL, codec INTEGER NOT NULL, item INTEGER NOT NULL, scale INTEGER NOT NULL, qp INTEGER NOT NULL,
    key TEXT NOT NULL, PRIMARY KEY (sweep, codec, item, scale, qp)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS digests (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, digest TEXT NOT NULL);
"""


def stored_json(text: str) -> Any:
    """The value of a JSON text that the store holds.

    Raises:
        IdseError: The text is not JSON, so the store is damaged.
    """
    try:
        return parse_json(text)
    except (TypeError, ValueError) as error:
        raise IdseError(f"the store of results is damaged: a text in it is not JSON ({error})") from None


@dataclass(frozen=True)
class StoredObservation:
    """What a detector found in a coded item, as the store keeps it.

    Attributes:
        detector: Hash of the detector's identity.
        truth: Hash of the ground truth that detections were matched with.
        feature_sse: Sum of squared errors of the features.
        feature_elements: Number of elements that the sum is over.
        detections: Packed detections of all frames.
        pseudo: Packed matches with the detections on the uncompressed item.
        boxes: Packed matches with the annotated boxes, if there are any.
        masks: Packed matches with the annotated masks, if there are any.
    """

    detector: str
    truth: str
    feature_sse: float | None
    feature_elements: int | None
    detections: bytes = field(repr=False)
    pseudo: bytes | None = field(default=None, repr=False)
    boxes: bytes | None = field(default=None, repr=False)
    masks: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Sweep:
    """A sweep in the store.

    Attributes:
        id: Its number.
        name: Its name.
        plan: The plan's text.
        about: Versions, host, conversion, and everything else that a report states with its figures.
        codecs: Name and description, in order.
        items: Name, path, digest and truth hash, in order.
        detectors: Name, hash and description, in order.
    """

    id: int
    name: str
    plan: str
    about: dict[str, Any]
    codecs: list[tuple[str, dict[str, Any]]]
    items: list[tuple[str, str, str, str]]
    detectors: list[tuple[str, str, dict[str, Any]]]


class Store:
    """The store's file. Every write is on disk when the call returns.

    Args:
        path: SQLite file.
        create: Whether the file is made if it is missing.

    Raises:
        IdseError: The file is missing, is not a store, has another version, or cannot be written.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        if not create and not path.is_file():
            raise IdseError(f"{path}: no such store of results")
        if path.is_dir():
            raise IdseError(f"{path}: is a folder: name a file for the results")
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            if create or self._has_tables():
                self._database.executescript(_SCHEMA)
                self._check_version()
            else:
                raise IdseError(f"{path}: is not a store of results")
        except (sqlite3.Error, OSError) as error:
            raise IdseError(f"{path}: is not a store of results, or cannot be opened ({error})") from None

    def _has_tables(self) -> bool:
        return bool(self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'sweeps'").fetchone())

    def _check_version(self) -> None:
        row = self._database.execute("SELECT version FROM about").fetchone()
        if row is None:
            self._database.execute("INSERT INTO about VALUES (?)", (VERSION,))
        elif row[0] != VERSION:
            raise IdseError(
                f"{self.path}: is a store of version {row[0]}, this idse writes version {VERSION}: name another file"
            )

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def discard(self) -> None:
        """Close the file and remove it, because it was not needed."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: either all of it is written or nothing.

        Raises:
            IdseError: The file cannot be written (a full disk).
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise IdseError(
                f"{self.path}: cannot be written ({error}); what was measured before is kept"
            ) from None

    # Reading. A damaged file gives an `IdseError` of one line.

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._database.execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise IdseError(f"{self.path}: cannot be read ({error})") from None

    def _row(self, query: str, values: Sequence[Any] = ()) -> Any:
        return next(iter(self._rows(query, values)), None)

    # Results.

    def known_results(self, keys: Iterable[str]) -> set[str]:
        """The keys, of those given, that have a result."""
        return self._among("SELECT key FROM results WHERE key IN ({})", keys)

    def known_observations(self, detector: str, truth: str, keys: Iterable[str]) -> set[str]:
        """The keys, of those given, that have an observation of a detector matched with a truth."""
        return self._among(
            "SELECT key FROM observations WHERE detector = ? AND truth = ? AND key IN ({})",
            keys,
            detector,
            truth,
        )

    def _among(self, query: str, keys: Iterable[str], *first: str) -> set[str]:
        found, todo = set[str](), list(keys)
        for start in range(0, len(todo), 500):
            part = todo[start : start + 500]
            rows = self._rows(query.format(",".join("?" * len(part))), (*first, *part))
            found |= {str(row[0]) for row in rows}
        return found

    def put(
        self,
        key: str,
        figures: Mapping[str, Any] | None,
        provenance: Mapping[str, Any] | None,
        stream: bytes | None,
        weight_map: tuple[str, bytes] | None,
        observations: Sequence[StoredObservation],
    ) -> None:
        """Store a result with its observations, and delete the claim on it.

        `figures` is None if the store has the result already and only observations are new.
        """
        with self.writing() as database:
            if weight_map is not None:
                database.execute("INSERT OR IGNORE INTO maps VALUES (?, ?)", weight_map)
            if figures is not None:
                database.execute(
                    "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?)",
                    (
                        key,
                        json.dumps(figures),
                        json.dumps(provenance, default=str),
                        stream,
                        weight_map and weight_map[0],
                    ),
                )
            database.executemany(
                "INSERT OR REPLACE INTO observations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        key, o.detector, o.truth, o.feature_sse, o.feature_elements, o.detections, o.pseudo, o.boxes,
                        o.masks,
                    )
                    for o in observations
                ],
            )  # fmt: skip
            database.execute("DELETE FROM claims WHERE key = ?", (key,))

    def stream(self, key: str) -> bytes | None:
        """A result's stream, or None if it was not kept."""
        row = self._row("SELECT stream FROM results WHERE key = ?", (key,))
        return None if row is None else row[0]

    def has_stream(self, key: str) -> bool:
        """Whether a result's stream was kept."""
        row = self._row("SELECT stream IS NOT NULL FROM results WHERE key = ?", (key,))
        return row is not None and bool(row[0])

    def provenance(self, key: str) -> dict[str, Any]:
        """The provenance of a result."""
        row = self._row("SELECT provenance FROM results WHERE key = ?", (key,))
        return {} if row is None else stored_json(row[0])

    def weight_map(self, key: str) -> bytes | None:
        """The file of the map that a result was coded with."""
        row = self._row(
            "SELECT maps.map FROM results JOIN maps ON maps.key = results.map WHERE results.key = ?", (key,)
        )
        return None if row is None else row[0]

    def observation(self, key: str, detector: str, truth: str) -> StoredObservation | None:
        """A detector's observation of a result, matched with a truth; None if there is none."""
        row = self._row(
            "SELECT detector, truth, feature_sse, feature_elements, detections, pseudo, boxes, masks "
            "FROM observations WHERE key = ? AND detector = ? AND truth = ?",
            (key, detector, truth),
        )
        return None if row is None else StoredObservation(*row)

    # Sweeps.

    def put_sweep(
        self,
        name: str,
        plan: str,
        about: Mapping[str, Any],
        codecs: Sequence[tuple[str, Mapping[str, Any]]],
        items: Sequence[tuple[str, str, str, str]],
        detectors: Sequence[tuple[str, str, Mapping[str, Any]]],
        cells: Iterable[tuple[int, int, int, int, str]],
    ) -> None:
        """Store what a sweep consists of. It replaces an older sweep of that name, but no results.

        Args:
            name: The sweep's name.
            plan: The text of its plan.
            about: What a report states with its figures.
            codecs: Name and description.
            items: Name, path, digest and truth hash.
            detectors: Name, hash and description.
            cells: Codec and item by position, scale, QP, key.
        """
        with self.writing() as database:
            database.execute(
                "INSERT INTO sweeps (name, plan, about, updated) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET plan = excluded.plan, about = excluded.about, "
                "updated = excluded.updated",
                (name, plan, json.dumps(about, default=str), time.time()),
            )
            (sweep,) = database.execute("SELECT id FROM sweeps WHERE name = ?", (name,)).fetchone()
            for table in ("codecs", "items", "detectors", "cells"):
                database.execute(f"DELETE FROM {table} WHERE sweep = ?", (sweep,))
            database.executemany(
                "INSERT INTO codecs VALUES (?, ?, ?, ?)",
                [(sweep, i, n, json.dumps(d, default=str)) for i, (n, d) in enumerate(codecs)],
            )
            database.executemany(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)",
                [(sweep, i, *row) for i, row in enumerate(items)],
            )
            database.executemany(
                "INSERT INTO detectors VALUES (?, ?, ?, ?, ?)",
                [(sweep, i, n, h, json.dumps(d, default=str)) for i, (n, h, d) in enumerate(detectors)],
            )
            database.executemany(
                "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?)", [(sweep, *cell) for cell in cells]
            )

    def sweeps(self) -> list[str]:
        """The names of all sweeps, the last one written first."""
        return [r[0] for r in self._rows("SELECT name FROM sweeps ORDER BY updated DESC, id DESC")]

    def sweep(self, name: str) -> Sweep:
        """A sweep by its name.

        Raises:
            IdseError: The store has no such sweep.
        """
        row = self._row("SELECT id, plan, about FROM sweeps WHERE name = ?", (name,))
        if row is None:
            known = ", ".join(self.sweeps()) or "none"
            raise IdseError(f"{self.path}: has no sweep '{name}': it has {known}")
        number, plan, about = row
        read = self._rows
        return Sweep(
            number,
            name,
            plan,
            stored_json(about),
            [
                (n, stored_json(d))
                for n, d in read(
                    "SELECT name, description FROM codecs WHERE sweep = ? ORDER BY position", (number,)
                )
            ],
            list(
                read(
                    "SELECT name, path, digest, truth FROM items WHERE sweep = ? ORDER BY position", (number,)
                )
            ),
            [
                (n, h, stored_json(d))
                for n, h, d in read(
                    "SELECT name, hash, description FROM detectors WHERE sweep = ? ORDER BY position",
                    (number,),
                )
            ],
        )

    def cells(self, sweep: Sweep) -> list[tuple[int, int, int, int, str, str | None]]:
        """Codec, item, scale, QP, key, and the figures as JSON (None if the result is missing)."""
        return list(
            self._rows(
                "SELECT codec, item, scale, qp, cells.key, figures FROM cells "
                "LEFT JOIN results ON results.key = cells.key WHERE sweep = ?",
                (sweep.id,),
            )
        )

    def observations(
        self, sweep: Sweep, detector: str
    ) -> Iterator[tuple[str, str, float | None, int | None, bytes | None, bytes | None, bytes | None]]:
        """Key, truth hash, feature error (sum, elements) and packed matches (pseudo, boxes, masks) of the cells."""
        yield from self._rows(
            "SELECT key, truth, feature_sse, feature_elements, pseudo, boxes, masks FROM observations "
            "WHERE detector = ? AND key IN (SELECT key FROM cells WHERE sweep = ?)",
            (detector, sweep.id),
        )

    # Claims of sweeps that run at the same time.

    def claim(self, key: str, owner: str) -> bool:
        """Claim a key; False if another sweep works on it."""
        now = time.time()
        with self.writing() as database:
            database.execute(
                "DELETE FROM claims WHERE key = ? AND (until < ? OR owner = ?)", (key, now, owner)
            )
            taken = database.execute(
                "INSERT OR IGNORE INTO claims VALUES (?, ?, ?)", (key, owner, now + _CLAIM_SECONDS)
            )
            return taken.rowcount == 1

    def owners(self) -> list[str]:
        """The owners of all claims."""
        return [str(row[0]) for row in self._rows("SELECT DISTINCT owner FROM claims")]

    def renew(self, owner: str) -> None:
        """Renew an owner's claims; twice in `_CLAIM_SECONDS` is enough."""
        with self.writing() as database:
            database.execute(
                "UPDATE claims SET until = ? WHERE owner = ?", (time.time() + _CLAIM_SECONDS, owner)
            )

    def release(self, owner: str, key: str | None = None) -> None:
        """Delete one claim of an owner, or all of them."""
        with self.writing() as database:
            if key is None:
                database.execute("DELETE FROM claims WHERE owner = ?", (owner,))
            else:
                database.execute("DELETE FROM claims WHERE owner = ? AND key = ?", (owner, key))

    # Hashes of files.

    def digest(self, path: Path, size: int, modified: int) -> str | None:
        """The stored hash of a file that has not changed since; None if there is none."""
        row = self._row(
            "SELECT digest FROM digests WHERE path = ? AND size = ? AND modified = ?",
            (str(path), size, modified),
        )
        return None if row is None else row[0]

    def put_digests(self, rows: Iterable[tuple[str, int, int, str]]) -> None:
        """Store hashes of files: path, size, modification time in ns, hash."""
        with self.writing() as database:
            database.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)
