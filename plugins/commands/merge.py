"""`labelgate merge SHARD...`: the reports of all shards as one report."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from labelgate.plugins.commands import USAGE, Commands


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("merge", help="put the reports of all shards together")
    parser.add_argument("shards", nargs="+", type=Path, help="report folders of runs with --shard")
    parser.add_argument("--report", type=Path, default=Path("labelgate-report"))
    parser.set_defaults(run=run)


def run(given: Namespace) -> int:
    """Merges reports.

    Returns:
        0 or 1, as one run of all checks would have ended; 4 if they cannot be merged.
    """
    from labelgate.fixtures.errors import LabelgateError
    from labelgate.plugins.report.joining import join_reports
    from labelgate.plugins.report.summary import headline

    try:
        report: dict[str, Any] = join_reports(given.shards, given.report)
    except LabelgateError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return USAGE
    print(f"{headline(report)} Report: {given.report / 'index.html'}")
    return int(report["provenance"]["exit_code"])
