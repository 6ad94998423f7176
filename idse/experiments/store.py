"""Results on disk: an SQLite file that survives being killed and lets a sweep go on where it stopped."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType

from idse.experiments.measurement import Measurement

_SCHEMA = """CREATE TABLE IF NOT EXISTS measurements (
    key TEXT NOT NULL, picture TEXT NOT NULL, configuration TEXT NOT NULL, qp INTEGER NOT NULL,
    figures TEXT NOT NULL, detections BLOB NOT NULL,
    PRIMARY KEY (key, picture, configuration, qp))"""


class Store:
    """Measurements by (settings hash, picture, configuration, QP); each write is on disk at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=60)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(_SCHEMA)
        self._database.commit()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def put(self, key: str, picture: str, configuration: str, qp: int, measurement: Measurement) -> None:
        """Keep a measurement."""
        with self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?)",
                (key, picture, configuration, qp, *measurement.pack()),
            )

    def known(self, key: str, configuration: str) -> set[tuple[str, int]]:
        """The (picture, QP) pairs that are there already."""
        rows = self._database.execute(
            "SELECT picture, qp FROM measurements WHERE key = ? AND configuration = ?", (key, configuration)
        )
        return {(str(picture), int(qp)) for picture, qp in rows}

    def get(self, key: str, picture: str, configuration: str, qp: int) -> Measurement | None:
        """A measurement, if it is there."""
        row = self._database.execute(
            "SELECT figures, detections FROM measurements "
            "WHERE key = ? AND picture = ? AND configuration = ? AND qp = ?",
            (key, picture, configuration, qp),
        ).fetchone()
        return None if row is None else Measurement.unpack(*row)
