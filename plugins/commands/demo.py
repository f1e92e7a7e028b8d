"""`labelgate demo`: builds the sample dataset, checks it, and compares with what was planted."""

import sys
from argparse import Namespace
from pathlib import Path

from labelgate.plugins.commands import USAGE, Commands
from labelgate.plugins.commands.check import run_suite


def add_parser(commands: Commands) -> None:
    """Adds the command; what it does not know is pytest's."""
    parser = commands.add_parser("demo", help="check the sample dataset", allow_abbrev=False)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("labelgate-sample"))
    parser.add_argument("--report", type=Path, default=Path("labelgate-report"))
    parser.set_defaults(run=run, pytest=[])


def run(given: Namespace) -> int:
    """Builds the sample dataset, checks it, and compares what failed with what was planted.

    Returns:
        0 if exactly the planted flaws were found, 1 otherwise, or pytest's code of a run that did
        not come to an end.
    """
    from labelgate.fixtures.errors import LabelgateError
    from labelgate.fixtures.sample.build import build_sample

    try:
        build_sample(given.folder)
    except LabelgateError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return USAGE
    code = run_suite(f"--dataset={given.folder}", f"--report={given.report}", *given.pytest)
    return compare(given.folder, given.report) if code in (0, 1) else code


def compare(folder: Path, report: Path) -> int:
    """Says whether exactly the planted flaws were found, and returns 0 or 1."""
    from labelgate.fixtures.report_json import load_report
    from labelgate.fixtures.sample.build import read_planted
    from labelgate.fixtures.short_results import FINDINGS

    flaws = read_planted(folder)
    expected = {
        (*cell, "known" if flaw.known else "failed") for flaw in flaws for cell in flaw.cells
    }
    results = load_report(report)[1]["results"]
    found = {
        (result["property"], result["subject"], result["outcome"])
        for result in results
        if result["outcome"] in FINDINGS
    }
    seen = sum(
        {(*cell, "known" if flaw.known else "failed") for cell in flaw.cells} <= found
        for flaw in flaws
    )
    for what, cells in (("not found", expected - found), ("not planted", found - expected)):
        for name, subject, outcome in sorted(cells):
            print(f"{what}: {name}[{subject}] {outcome}")
    if found == expected:
        print(f"the gate is closed: {len(flaws)} planted flaws, {seen} found; report in {report}")
        return 0
    print(f"the gate is open: {len(flaws)} planted flaws, {seen} found; report in {report}")
    return 1
