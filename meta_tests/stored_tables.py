"""What a store holds, read without our code, so that two of them can be compared."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq


def parts_in(store: Path) -> set[str]:
    """Names of all parts: they hold the hash of their bytes."""
    return {part.name for part in store.glob("v1/*/part-*")}


def rows_in(store: Path, table: str) -> list[dict[str, Any]]:
    """The rows of the one table of a notion, without the time at which they were written."""
    rows: list[dict[str, Any]] = []
    for part in sorted(store.glob(f"v1/{table}-*/part-*.parquet")):
        rows += pq.ParquetFile(part).read().to_pylist()
    return [{name: value for name, value in row.items() if name != "seen"} for row in rows]


def vectors_in(store: Path) -> dict[bytes, np.ndarray]:
    """The vector of each content, each of which must be there once."""
    found: dict[bytes, np.ndarray] = {}
    for part in store.glob("v1/vectors-*/part-*.npy"):
        for row in np.load(part, allow_pickle=False):
            content = row["content"].tobytes()
            assert content not in found
            found[content] = row["vector"]
    return found


def digest_of(rows: list[dict[str, Any]]) -> list[str]:
    """Rows in an order of their own, for tables whose order tells nothing."""
    return sorted(hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest() for row in rows)
