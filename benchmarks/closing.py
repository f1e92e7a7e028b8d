"""Every gate on CIFAR-10: flaws planted in photographs, just below, at and just above their limits.

    python benchmarks/closing.py --work FOLDER [--write]

Plants a flaw for each property (`closing_flaws.py`): in 600 pictures of CIFAR-10, compared with the
release before them, and in one picture under twenty labels. Every limit is moved to where a flaw is
(`meta_tests/moved_limits.py`), and a row a property printed, or written into docs/trust.md.
Ends with 1 if a cell with a moved limit is not what it must be, if any other cell changes, or if
no flaw fails a property.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from closing_flaws import FLAWS, ONE_PICTURE, prepare

from labelgate.expectations.limits_file import read_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "meta_tests"))

from moved_limits import (
    AS_IT_IS,
    HEAD,
    STEPS,
    WORSE,
    Cell,
    Place,
    Told,
    expect,
    flawed_cells,
    read_cells,
    show_rows,
    tell_row,
    write_moved,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "trust.md"

DATASETS = {
    "new": ("--baseline={}/report old",),
    "one": ("-k", "taxonomy or sources or calibration"),
}
"""What is asked of each."""

Ways = dict[str, dict[Cell, Told]]
"""Every cell of a dataset, as it is and by moved limits."""


def check(work: Path, data: str, way: str, *more: str) -> dict[Cell, Told]:
    """Runs the suite, and reads every cell of its report."""
    command = [sys.executable, "-m", "labelgate.plugins.command", "check", str(work / data)]
    report = work / f"report {data}{'' if way == AS_IT_IS else f' {way}'}"
    where = [f"--store={work / 'store'}", f"--report={report}", "-q"]
    asked = [each.replace("{}", str(work)) for each in (*DATASETS.get(data, ()), *more)]
    run = subprocess.run([*command, *where, *asked], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{report}: {run.stdout}{run.stderr}")
    return read_cells(report)


def close(work: Path, data: str) -> Ways:
    """Judges a dataset by the limits as they are, and by each way of moving them."""
    ways = {AS_IT_IS: check(work, data, AS_IT_IS)}
    for way in STEPS:
        file = work / f"{data} {way}.toml"
        write_moved(file, flawed_cells(ways[AS_IT_IS]), way)
        ways[way] = check(work, data, way, f"--limits={file}")
    return ways


def compare(before: dict[Cell, Told], after: dict[Cell, Told], way: Place) -> list[str]:
    """Names each cell that is not what the moved limits ask for."""
    wrong = []
    for cell, expected in expect(before, way).items():
        same = after[cell].value == before[cell].value or cell.property == WORSE
        if after[cell].passed != expected or not same:
            wrong.append(f"{way}: {cell} is {after[cell]}, was {before[cell]}")
    return wrong + [f"{way}: {cell} is new" for cell in after.keys() - before.keys()]


def row_of(name: str, ways: Ways) -> str | None:
    """A property: the failing cell that its flaw is told of; None where there is none."""
    subject, flaw = FLAWS[name]
    failing = [
        cell
        for cell, told in ways[AS_IT_IS].items()
        if cell[:2] == (name, subject) and told.passed is False
    ]
    told = [cell for cell in failing if cell.predictor in flaw] or failing
    return tell_row(name, flaw, told[0], ways) if told else None


def main() -> int:
    """Plants, judges four times, and prints or writes a row a property."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="the table into docs/trust.md")
    given = parser.parse_args()
    work = given.work.resolve()
    prepare(work)
    check(work, "old", AS_IT_IS)
    closed = {data: close(work, data) for data in DATASETS}
    wrong = [
        said
        for ways in closed.values()
        for way in STEPS
        for said in compare(ways[AS_IT_IS], ways[way], way)
    ]
    names = sorted(read_limits(None).properties)
    rows = {name: row_of(name, closed["one" if name in ONE_PICTURE else "new"]) for name in names}
    wrong += [f"{name}: no flaw fails it" for name, row in rows.items() if row is None]
    shown = list(filter(None, rows.values()))
    if given.write:
        PAGE.write_text(show_rows(PAGE, "CIFAR-10", shown), encoding="utf-8")
    print("\n".join([HEAD, *shown]))
    for data, ways in closed.items():
        moved = len(flawed_cells(ways[AS_IT_IS]))
        print(f"{data}: {moved} cells moved of {len(ways[AS_IT_IS])}")
    print("\n".join(wrong) or "all as they must be")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
