"""The verdicts of a run as they are handed over: a row a cell, in a file of the report folder.

A run of 21,841 classes has a million cells, so what many of them say is kept once, and a sentence
that can be made of the others' words is made when it is read.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from labelgate.expectations.limits import Side
from labelgate.expectations.verdict import Verdict, tell_unmeasured
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.measurements import GROUPS_SHOWN, PATHS_SHOWN

Check = tuple[str, str]
"""Property and subject."""

Cells = dict[Check, tuple["Cell", ...]]
"""The cells of each check."""


class Cell(NamedTuple):
    """One verdict as it is handed over; the fields are those of `Measurement` and `Verdict`.

    Attributes:
        side: the side of the limit that it fails on, None if it does not fail.
        within: whether it fails and is not beyond the value that a known failure accepts.
        message: what is wrong, "" if it does not fail.
        examples: groups of paths, at most `GROUPS_SHOWN` of `PATHS_SHOWN` each.
        captions: what is said of each of these groups.
        sizes: how many images each of these groups has.
        groups: how many groups there are.
        tables: the fields of each `measurements.Table`.
    """

    property: str
    subject: str
    split: str
    predictor: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    judged: float | None
    limit: str
    side: Side | None
    within: bool
    passed: bool | None
    reason: str
    message: str
    examples: Sequence[Sequence[str]]
    captions: Sequence[str]
    sizes: Sequence[int]
    groups: int
    tables: Sequence[dict[str, Any]]

    def sentence(self) -> str:
        """Says why it did not pass, "" if it did."""
        if self.passed is None:
            return tell_unmeasured(self.subject, self.split, self.predictor, self.reason)
        return self.message


def make_cell(dataset: Dataset, verdict: Verdict, within: bool) -> Cell:
    """Makes what is handed over of a verdict."""
    row = verdict.measurement
    shown = row.examples[:GROUPS_SHOWN]
    if not (row.examples or row.captions or row.tables):  # as nearly all of a million are
        told: tuple[Any, ...] = ((), (), (), 0, ())
    else:
        told = (
            [[dataset.paths[image] for image in group[:PATHS_SHOWN]] for group in shown],
            list(row.captions[:GROUPS_SHOWN]) or [""] * len(shown),
            [len(group) for group in shown],
            len(row.examples),
            [asdict(table) for table in row.tables],
        )
    return Cell(
        *(row.property, row.subject, row.split, row.predictor),
        *(row.value, row.n, row.low, row.high),
        *(verdict.judged, sys.intern(verdict.bound.text), verdict.side, within),
        *(verdict.passed, row.reason, verdict.message if verdict.passed is False else ""),
        *told,
    )


def write_cells(file: Path, cells: Iterable[Cell]) -> None:
    """Writes cells, a line of JSON each; all or none.

    The file is not there before it is whole: what comes of a run whose disk is full has no cells.
    """
    temporary = file.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{json.dumps(cell)}\n" for cell in cells)
    temporary.rename(file)


def read_cells(file: Path) -> Cells:
    """Reads the cells of each property and subject, in the order they were written; {} of none."""
    return by_check(_read(file)) if file.exists() else {}


def by_check(cells: Iterable[Cell]) -> Cells:
    """Lays cells out by property and subject; those of each stay in their order."""
    found: Cells = {}
    for cell in cells:
        check = cell.property, cell.subject
        found[check] = (*found.get(check, ()), cell)
    return found


def _read(file: Path) -> Iterator[Cell]:
    """Yields cells; what is equal in several of them is one text."""
    texts: dict[str, str] = {}
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield Cell._make(
                texts.setdefault(value, value) if isinstance(value, str) else value or _empty(value)
                for value in json.loads(line)
            )


def _empty(value: Any) -> Any:  # noqa: ANN401
    """The one empty row in place of each empty list."""
    return () if isinstance(value, list) else value
