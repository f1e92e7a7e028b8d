"""`labelgate diff OLD NEW`: what changed between two releases, and whether anything got worse."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.plugins.commands import USAGE, Commands

if TYPE_CHECKING:
    from labelgate.fixtures.declarations import Review


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "diff", help="compare two releases by their reports", allow_abbrev=False
    )
    parser.add_argument("old", type=Path, help="the earlier report: its folder or report.json")
    parser.add_argument("new", type=Path, help="the later report: its folder or report.json")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all of it as JSON")
    parser.add_argument("--html", type=Path, metavar="DIR", help="write it as pages into a folder")
    parser.add_argument(
        "--reviews",
        type=Path,
        metavar="CSV",
        action="append",
        default=[],
        help="decisions about labels, as [[reviews]] names them; may be given several times",
    )
    parser.set_defaults(run=run)


def run(given: Namespace) -> int:
    """Compares two releases and says what changed.

    Returns:
        0 if nothing got worse; 1 if a check that passed fails now, an image left training for
        another split or a label was flipped without a review; 4 if something cannot be read.
    """
    from labelgate.fixtures.baseline import read_baseline
    from labelgate.fixtures.errors import LabelgateError
    from labelgate.plugins.report.diff import describe_difference
    from labelgate.plugins.report.diff_text import tell_difference

    try:
        old, new = (read_baseline(path, str(path)) for path in (given.old, given.new))
        classes = new.inventory.classes
        reviews = [each for table in given.reviews for each in _read_reviews(table, classes)]
        found = describe_difference(old, new, reviews)
        for line in tell_difference(found):
            print(line)
        _write(given, found)
    except LabelgateError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return USAGE
    return 1 if found["worse"] else 0


def _read_reviews(table: Path, classes: Sequence[str]) -> "Iterator[Review]":
    from labelgate.fixtures.readers.reviews import read_reviews

    table = table.resolve()
    return read_reviews(table.parent, table.name, "--reviews", classes)


def _write(given: Namespace, found: dict[str, Any]) -> None:
    """Writes what was asked for.

    Raises:
        SettingsError: a file or folder cannot be written.
    """
    from labelgate.fixtures.errors import SettingsError

    try:
        if given.json is not None:
            given.json.write_text(_dump(found), encoding="utf-8")
        if given.html is not None:
            _write_pages(given.html, found)
    except OSError as error:
        raise SettingsError(
            f"{error.filename} cannot be written ({error.strerror}); name another place."
        ) from error


def _write_pages(folder: Path, found: dict[str, Any]) -> None:
    """Writes the page with its assets, and the tables that it links to."""
    import pandas as pd

    from labelgate.fixtures.change_tables import COLUMNS
    from labelgate.plugins.report.changes_page import SOURCE, write_changes_page
    from labelgate.plugins.report.evidence import without_formulas
    from labelgate.plugins.report.pages import copy_assets

    (folder / "evidence").mkdir(parents=True, exist_ok=True)
    (folder / SOURCE).write_text(_dump(found), encoding="utf-8")
    images = found["images"].items()
    rows = [{"change": kind, **row} for kind, listed in images for row in listed["rows"]]
    table = without_formulas(pd.DataFrame(rows, columns=list(COLUMNS), dtype="str"))
    table.to_csv(folder / "evidence" / "changes.csv", index=False, lineterminator="\n")
    copy_assets(folder)
    write_changes_page(folder, found, in_report=False)


def _dump(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
