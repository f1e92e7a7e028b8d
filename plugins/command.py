"""The `labelgate` program: pytest on the suite, with the words a person would type."""

import argparse
import json
import sys
from pathlib import Path
from typing import NoReturn

import pytest

SUITE = (
    *("--pyargs", "labelgate.dataset_tests", "--import-mode=importlib", "-p", "no:cacheprovider"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # this program is imported already
)

USAGE = 4
"""pytest's exit code for a usage error."""


class Parser(argparse.ArgumentParser):
    """Ends with pytest's exit code for a usage error, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong and how it is used."""
        self.exit(USAGE, f"{self.format_usage()}{self.prog}: error: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Runs `labelgate check` or `labelgate demo`; options alone are those of `check`.

    Args:
        arguments: of the command line; those it does not know are pytest's.

    Returns:
        The exit code.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0].startswith("--dataset"):
        return int(pytest.main([*SUITE, *given]))
    known, others = _parser().parse_known_args(given)
    if known.command == "check" and given[1] != known.dataset:
        _parser().error("name the dataset directly after check: labelgate check DATASET ...")
    if known.command == "check":
        return int(pytest.main([*SUITE, f"--dataset={known.dataset}", *others]))
    return demo(known.folder, known.report, others)


def demo(folder: Path, report: Path, arguments: list[str]) -> int:
    """Builds the sample dataset, checks it, and compares what failed with what was planted.

    Returns:
        0 if exactly the planted flaws were found, 1 otherwise, or pytest's code of a run that did
        not come to an end.
    """
    from labelgate.fixtures.errors import LabelgateError
    from labelgate.fixtures.sample.build import build_sample

    try:
        build_sample(folder)
    except LabelgateError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return USAGE
    code = int(pytest.main([*SUITE, f"--dataset={folder}", f"--report={report}", *arguments]))
    return _compare(folder, report) if code in (0, 1) else code


def _compare(folder: Path, report: Path) -> int:
    """Says whether exactly the planted flaws were found."""
    from labelgate.fixtures.sample.build import read_planted

    flaws = read_planted(folder)
    expected = {
        (*cell, "known" if flaw.known else "failed") for flaw in flaws for cell in flaw.cells
    }
    results = json.loads((report / "report.json").read_text(encoding="utf-8"))["results"]
    found = {
        (result["property"], result["subject"], result["outcome"])
        for result in results
        if result["outcome"] in ("failed", "known", "error")
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


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="labelgate",
        description="Decides whether a labelled image dataset is fit to release.",
        epilog="All further options are pytest's and labelgate's own: pytest --help.",
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    checking = commands.add_parser("check", help="decide on a dataset", allow_abbrev=False)
    checking.add_argument("dataset", help="a folder of split/class/image, or a dataset.toml")
    showing = commands.add_parser("demo", help="check the sample dataset", allow_abbrev=False)
    showing.add_argument("folder", nargs="?", type=Path, default=Path("labelgate-sample"))
    showing.add_argument("--report", type=Path, default=Path("labelgate-report"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
