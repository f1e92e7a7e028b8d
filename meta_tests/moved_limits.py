"""Limits that are moved to where a flaw is: one step beyond it, exactly on it, one step short.

A flaw of 3 images fails where 2 are tolerated, and passes where 3 or 4 are. So of every cell that
a dataset's flaws make fail, all sides of its limit can be seen on one dataset: it is the limit that
is moved, for this cell alone, and every other cell has to stay as it was.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from labelgate.expectations.judge import run_suites
from labelgate.expectations.limits import Side
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.report_json import load_report

Place = Literal["just below", "at", "just above"]
"""Where a flaw is, seen from its limit: below it is tolerated, above it is not."""

STEPS: dict[Place, int] = {"just below": 1, "at": 0, "just above": -1}
"""How many steps the limit is moved towards the bad side of the flaw."""

AS_IT_IS = "as it is"
"""What is judged by the limits as they are."""

HEAD = (
    "| property | planted flaw | cell | value | just below the limit | at it | above it | cells |\n"
    "|---|---|---|---:|---|---|---|---:|"
)
"""Of the tables in docs/trust.md."""

TOLD = {True: "passes", False: "**fails**", None: "not measured"}

WORSE = "class_does_not_get_worse"
"""What speaks of other verdicts, and so changes when these do."""


class Cell(NamedTuple):
    """What a verdict is about; split and predictor are "" where there are none."""

    property: str
    subject: str
    split: str
    predictor: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says of a cell; `judged` is the number that has to meet the limit."""

    value: float | None
    judged: float | None
    limit: str
    passed: bool | None
    side: Side


def read_cells(report: Path) -> dict[Cell, Told]:
    """Reads every cell of a report folder."""
    import pandas as pd

    table = pd.read_parquet(report / "expectations" / "measurements.parquet")
    keys = (table[name].fillna("") for name in Cell._fields)
    judged = dict(zip(map(Cell._make, zip(*keys, strict=True)), table["judged"], strict=True))
    cells = {}
    for row in load_report(report)[1]["results"]:
        for each in row["cells"]:
            named = each["split"] or "", each["predictor"] or ""
            cell = Cell(row["property"], row["subject"], *named)
            number = None if math.isnan(judged[cell]) else judged[cell]
            side: Side = "min" if each["limit"].startswith("at least") else "max"
            cells[cell] = Told(each["value"], number, each["limit"], each["passed"], side)
    return cells


def judge_again(report: Path, limits_file: Path) -> dict[Cell, Told]:
    """Judges the measurements that a report folder kept by other limits; nothing else is run."""
    import pyarrow.parquet as pq

    limits = read_limits(limits_file)
    table = pq.read_table(report / "expectations" / "measurements.parquet")
    failing, _ = run_suites(table, limits, None)
    cells = {}
    for cell, told in read_cells(report).items():
        limit = limits.properties[cell.property]
        bound = limit.bounds[limit.bound(*cell[1:])]
        cells[cell] = replace(told, limit=bound.text)
    for row in table.to_pylist():
        cell = Cell._make(row[name] or "" for name in Cell._fields)
        passed = None if row["value"] is None else row["cell"] not in failing
        cells[cell] = replace(cells[cell], passed=passed)
    return cells


def flawed_cells(cells: dict[Cell, Told]) -> dict[Cell, Told]:
    """Returns the cells that fail; of each property in which none does, the measured one that
    comes nearest to it, or none where nothing was measured.
    """
    failing = {cell: told for cell, told in cells.items() if told.passed is False}
    nearest: dict[str, Cell] = {}
    for cell, told in sorted(cells.items()):
        if told.judged is not None and cell.property not in {each.property for each in failing}:
            best = nearest.setdefault(cell.property, cell)
            if _badness(told) > _badness(cells[best]):
                nearest[cell.property] = cell
    return failing | {cell: cells[cell] for cell in nearest.values()}


def expect(before: dict[Cell, Told], place: Place) -> dict[Cell, bool | None]:
    """Says which cells have to pass by limits moved to a place: those moved, and all as before."""
    as_before = {cell: told.passed for cell, told in before.items()}
    return as_before | dict.fromkeys(flawed_cells(before), place != "just above")


def _badness(told: Told) -> float:
    judged = told.judged or 0.0
    return judged if told.side == "max" else -judged


def beyond(told: Told, unit: str, steps: int) -> float:
    """Moves from the judged number to the bad side by steps: of 1 where it counts, else the next
    number that there is.
    """
    assert told.judged is not None
    steps = steps if told.side == "max" else -steps
    if unit == "probability" or unit.startswith("share"):
        return math.nextafter(told.judged, math.inf * steps) if steps else told.judged
    return told.judged + steps


def write_moved(file: Path, flawed: dict[Cell, Told], place: Place) -> None:
    """Writes a limits file in which each flawed cell has a limit of its own.

    Cells of a subject and split that no override can tell apart have that of the worst of them.
    """
    limits = read_limits(None).properties
    moved: dict[tuple[str, str], dict[str, tuple[float, str]]] = defaultdict(dict)
    for cell, told in sorted(flawed.items(), key=lambda item: _badness(item[1])):
        limit = limits[cell.property]
        number = beyond(told, limit.unit, STEPS[place])
        named = _named(cell, limit.is_predicted())
        moved[limit.stem, limit.property][named] = number, told.side
    file.write_text("\n".join(_tables(moved)), encoding="utf-8")


def tell_row(name: str, flaw: str, cell: Cell, ways: Mapping[str, dict[Cell, Told]]) -> str:
    """A property's row: a flaw in words, its cell under each limit, how many cells were moved."""
    before = ways[AS_IT_IS]
    outcomes = (f"{told.limit}: {TOLD[told.passed]}" for told in (ways[way][cell] for way in STEPS))
    count = sum(each.property == name for each in flawed_cells(before))
    where = ", ".join(filter(None, cell[1:]))
    told = f"{before[cell].value:.3g}"
    return f"| `{name}` | {flaw} | {where} | {told} | {' | '.join(outcomes)} | {count} |"


def show_rows(page: Path, mark: str, rows: Iterable[str]) -> str:
    """The text of a page with a table between the comments that `mark` names."""
    begin, end = f"<!-- {mark}, written by", f"<!-- end of {mark} -->"
    head, rest = page.read_text(encoding="utf-8").split(begin)
    line, _, rest = rest.partition("\n")
    _, tail = rest.split(end)
    table = "\n".join([HEAD, *rows])
    return f"{head}{begin}{line}\n{table}\n{end}{tail}"


def _named(cell: Cell, predicted: bool) -> str:
    keys = {"class": cell.subject, "split": cell.split}
    if predicted:
        keys["predictor"] = cell.predictor
    return ", ".join(f"{key} = {json.dumps(name)}" for key, name in keys.items() if name)


def _tables(
    moved: dict[tuple[str, str], dict[str, tuple[float, str]]],
) -> Iterable[str]:
    for (stem, name), overrides in moved.items():
        yield f"[{stem}.{name}]\noverrides = ["
        for named, (number, side) in overrides.items():
            yield f'    {{{named}, {side} = {float(number)!r}, source = "moved to the flaw"}},'
        yield "]"
