"""Every gate closes: a flaw just below, at and just above its limit, for every property.

The flaws are those of two datasets; the limits are moved to where these flaws are (`moved_limits`):
at and just above in whole runs, just below for Great Expectations alone, on what a run kept.
docs/trust.md shows the table of what came out; WRITE_DOCS=1 writes it there.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest
from moved_limits import (
    AS_IT_IS,
    STEPS,
    WORSE,
    Cell,
    Place,
    Told,
    expect,
    flawed_cells,
    judge_again,
    read_cells,
    show_rows,
    tell_row,
    write_moved,
)
from one_picture import FLAWS, draw_one_picture

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.sample.build import read_planted

PAGE = Path(__file__).parents[1] / "docs" / "trust.md"

PROGRAM = ("-m", "labelgate.plugins.command", "check")

ONE_PICTURE = "one picture"

DATASETS = {"sample": (), ONE_PICTURE: ("-k", "taxonomy or sources or calibration")}
"""What is asked of each."""

WHOLE_RUNS = ("at", "just above")

Cells = dict[Cell, Told]


class Closed(NamedTuple):
    """A dataset's reports, how their runs ended, and every cell, as it is and by moved limits."""

    folder: Path
    data: Path
    runs: dict[str, "CompletedProcess[str]"]
    cells: dict[str, Cells]


@pytest.fixture(scope="module")
def closed(
    sample: tuple[Path, dict[str, "CompletedProcess[str]"]],
    tmp_path_factory: pytest.TempPathFactory,
    python: Callable[..., "CompletedProcess[str]"],
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> dict[str, Closed]:
    """Both datasets, judged as they are and with limits that are moved."""
    folder = tmp_path_factory.mktemp("closed")
    draw_one_picture(folder / "data")
    (folder / "sample").mkdir()
    (folder / "sample" / AS_IT_IS).symlink_to(sample[0] / "check")
    roots = {"sample": sample[0], ONE_PICTURE: folder}
    ended = {"sample": {AS_IT_IS: sample[1]["check"]}, ONE_PICTURE: {}}

    def run(dataset: str, way: str, *limits: str) -> None:
        root = roots[dataset]
        report = f"--report={folder / dataset / way}"
        given = (*PROGRAM, f"{root}/data", f"--store={root}/store", "--workers=0", report)
        ended[dataset][way] = python(folder, *given, *DATASETS[dataset], *limits)

    def move(dataset: str, way: Place) -> Callable[[], None]:
        file = folder / dataset / f"{way}.toml"
        write_moved(file, flawed_cells(read_cells(folder / dataset / AS_IT_IS)), way)
        return lambda: run(dataset, way, f"--limits={file}")

    run(ONE_PICTURE, AS_IT_IS)
    moved = {(each, way): move(each, way) for each in DATASETS for way in STEPS}
    at_once({" ".join(of): run for of, run in moved.items() if of[1] in WHOLE_RUNS})
    return {
        each: Closed(folder / each, roots[each] / "data", ended[each], all_cells(folder / each))
        for each in DATASETS
    }


def all_cells(folder: Path) -> dict[str, Cells]:
    """Every cell of a dataset, as it is and by each way of moving limits."""
    cells = {way: read_cells(folder / way) for way in (AS_IT_IS, *WHOLE_RUNS)}
    (way,) = STEPS.keys() - cells.keys()
    return cells | {way: judge_again(folder / AS_IT_IS, folder / f"{way}.toml")}


@pytest.mark.parametrize("way", STEPS)
@pytest.mark.parametrize("dataset", DATASETS)
def test_a_flaw_fails_its_cell_above_its_limit_alone_and_no_other_cell_changes(
    closed: dict[str, Closed], dataset: str, way: Place
) -> None:
    before, after = closed[dataset].cells[AS_IT_IS], closed[dataset].cells[way]
    assert {cell: told.passed for cell, told in after.items()} == expect(before, way)
    changed = {cell.property for cell in before if before[cell].value != after[cell].value}
    assert changed <= {WORSE}  # it counts verdicts, and these have changed


def test_every_property_has_a_flaw_that_fails_it(closed: dict[str, Closed]) -> None:
    failing = {
        cell.property
        for each in closed.values()
        for cell, told in each.cells[AS_IT_IS].items()
        if told.passed is False
    }
    assert failing == set(read_limits(None).properties)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_failure_says_of_whom_it_is_told_and_which_limit_it_misses(
    closed: dict[str, Closed], dataset: str
) -> None:
    flawed = flawed_cells(closed[dataset].cells[AS_IT_IS])
    cells = closed[dataset].cells["just above"]
    results = load_report(closed[dataset].folder / "just above")[1]["results"]
    messages = {(row["property"], row["subject"]): row["message"] for row in results}
    for cell in flawed:
        assert messages[cell.property, cell.subject].startswith(cell.subject)
        others = [each for each in flawed if each[:2] == cell[:2]]
        told = {cells[each].limit for each in others}
        assert any(f"the limit is {each}" in messages[cell[:2]] for each in told)


def test_the_gate_opens_when_every_limit_is_where_the_flaw_is(closed: dict[str, Closed]) -> None:
    """But for the known failure of the sample: that it passes has to be told."""
    codes = {way: run.returncode for way, run in closed[ONE_PICTURE].runs.items()}
    assert codes == {AS_IT_IS: 1, "at": 0, "just above": 1}
    results = load_report(closed["sample"].folder / "at")[1]["results"]
    failed = [row for row in results if row["outcome"] == "failed"]
    (known,) = [flaw for flaw in read_planted(closed["sample"].data) if flaw.known]
    assert [(row["property"], row["subject"]) for row in failed] == list(known.cells)
    assert "known" in failed[0]["message"]


def test_the_page_shows_what_came_out(closed: dict[str, Closed]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = (row_of(closed, name) for name in sorted(read_limits(None).properties))
    shown = show_rows(PAGE, "every gate", rows)
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(shown, encoding="utf-8")
    assert masked(page) == masked(shown), "run this test with WRITE_DOCS=1"


def test_the_page_shows_every_property_on_photographs_too() -> None:
    """`benchmarks/closing.py` writes the rows, in minutes; no property may be forgotten there."""
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("<!-- CIFAR-10, ")[2].partition("<!-- end of CIFAR-10 -->")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert [row[0].strip("| `") for row in rows] == sorted(read_limits(None).properties)
    ends = {tuple(told.partition(": ")[2] for told in row[-4:-1]) for row in rows}
    assert ends == {("passes", "passes", "**fails**")}


def masked(page: str) -> str:
    """A page without decimals: the last ones may differ between processors."""
    return re.sub(r"\d+\.\d+", "#", page)


def row_of(closed: dict[str, Closed], name: str) -> str:
    """The row of a property: one of its flaws in words, and how many of its cells were seen."""
    dataset = ONE_PICTURE if name in FLAWS else "sample"
    ways = closed[dataset].cells
    cells = [cell for cell in flawed_cells(ways[AS_IT_IS]) if cell.property == name]
    flaw, cell = FLAWS.get(name, ""), cells[0]
    if not flaw:
        flaw, subject = first_flaw(closed["sample"].data, name)
        cell = next(each for each in cells if each.subject == subject)
    return tell_row(name, flaw, cell, ways)


def first_flaw(data: Path, name: str) -> tuple[str, str]:
    """A flaw of the sample that makes a property fail, and for whom."""
    return next(
        (flaw.name, subject)
        for flaw in read_planted(data)
        for each, subject in flaw.cells
        if each == name and not flaw.known
    )
