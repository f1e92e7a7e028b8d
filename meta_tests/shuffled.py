"""Another world for the same dataset: folders list in another order, tables have other rows first.

A plugin of pytest, too: `-p shuffled` lets every folder be listed in an order of its own, in
workers of pytest-xdist as well.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

SEED = 8


class Listed:
    """What `os.scandir` returns, in another order; it is closed like that."""

    def __init__(self, entries: list[Any]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:  # noqa: ANN401
        return next(self._entries)

    def __enter__(self) -> "Listed":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def pytest_configure() -> None:
    """Lists every folder in an order that no file system has."""
    scandir, listdir = os.scandir, os.listdir
    rng = random.Random(SEED)

    def scan(*folder: Any) -> Listed:  # noqa: ANN401
        with scandir(*folder) as found:
            entries = list(found)
        rng.shuffle(entries)
        return Listed(entries)

    def names(*folder: Any) -> list[Any]:  # noqa: ANN401
        found = listdir(*folder)
        rng.shuffle(found)
        return found

    os.scandir, os.listdir = scan, names  # type: ignore[assignment]


def reverse_tables(folder: Path) -> list[str]:
    """Turns the rows of every table of a dataset over, below the head; returns which these are."""
    tables = sorted(folder.glob("*.csv"))
    for table in tables:
        head, *rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
        table.write_text("".join([head, *reversed(rows)]), encoding="utf-8")
    return [table.name for table in tables]
