"""`labelgate verify REPORT DATASET`: whether a report speaks of a dataset as it lies here."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from labelgate.plugins.commands import USAGE, Commands

if TYPE_CHECKING:
    from labelgate.plugins.report.belonging import Answer

KINDS = {
    "changed": "changed: other bytes under the same path",
    "missing": "missing",
    "added": "added",
    "unread": "not read, now or when the report was made (unreadable, or not here)",
    "relabelled": "with another label",
    "moved": "in another split",
}
"""What is said of each kind of difference."""


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("verify", help="does a report speak of this dataset?")
    parser.add_argument("report", type=Path, help="a report folder, or the report.json in it")
    parser.add_argument(
        "dataset", help="a folder of split/class/image or of shards, dataset.toml, or URL"
    )
    parser.add_argument("--workers", type=int, help="processes that read; one per processor")
    parser.set_defaults(run=run)


def run(given: Namespace) -> int:
    """Reads every byte of the dataset and says whether the report speaks of it.

    Returns:
        0 if it does, 1 if not, 4 if one of them cannot be read.
    """
    from labelgate.fixtures.errors import LabelgateError
    from labelgate.fixtures.readers import read_dataset
    from labelgate.fixtures.workers import count_processors
    from labelgate.plugins.progress_bar import show_progress
    from labelgate.plugins.report.belonging import answer
    from labelgate.plugins.report.complete import read_complete

    try:
        folder, report = read_complete(given.report)
        workers = count_processors() if given.workers is None else max(given.workers, 0)
        told = answer(folder, report, read_dataset(given.dataset), workers, show_progress)
    except LabelgateError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return USAGE
    print("\n".join(_lines(told)))
    return 0 if told.belongs else 1


def _lines(told: "Answer") -> list[str]:
    """The sentence, and a line for each kind of difference."""
    from labelgate.plugins.report.belonging import NAMED

    kinds = [(KINDS[kind], paths) for kind, paths in told.differences.items()]
    if told.renamed:
        kinds.append(("under another name, which makes no difference", told.renamed))
    return [
        told.sentence,
        *(
            f"  {len(paths):,} {what}: {', '.join(paths[:NAMED])}{', ...' * (len(paths) > NAMED)}"
            for what, paths in kinds
        ),
    ]
