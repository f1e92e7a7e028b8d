"""Verdicts are handed over whole or not at all, and read as they were."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelgate.plugins.cells import Cell, read_cells, write_cells


def cell(subject: str, split: str, passed: bool | None, value: float | None) -> Cell:
    return Cell(
        *("no_source_dominates", subject, split, "", value, 3, None, None, value),
        *("at most 0.2", None if passed else "max", False, passed, "" if value else "no source"),
        *("" if passed else "too many", [["val/\udc80.png"]], ["one"], [1], 1, []),
    )


CELLS = [
    cell("cat", "train", True, 0.0),
    cell("cat", "val", False, 1),
    cell("dog", "val", None, None),
]


def test_cells_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_cells(tmp_path / "cells.jsonl", CELLS)
    found = read_cells(tmp_path / "cells.jsonl")
    assert [len(cells) for cells in found.values()] == [2, 1]
    back = [each for cells in found.values() for each in cells]
    assert [repr(json.loads(json.dumps(each))) for each in back] == [
        repr(json.loads(json.dumps(each))) for each in CELLS
    ]
    assert back[0].limit is back[1].limit, "what two cells say is kept once"


def test_a_cell_that_was_not_measured_says_why_and_one_that_passed_says_nothing() -> None:
    said = [each.sentence() for each in CELLS]
    assert said[1:] == ["too many", "dog in val: not measured, no source."]
    assert CELLS[0]._replace(message="").sentence() == ""


def test_half_of_the_cells_are_none(tmp_path: Path) -> None:
    def broken() -> Iterator[Cell]:
        yield CELLS[0]
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_cells(tmp_path / "cells.jsonl", broken())
    assert read_cells(tmp_path / "cells.jsonl") == {}
