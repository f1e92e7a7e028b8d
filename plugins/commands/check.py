"""`labelgate check DATASET`: pytest on the suite."""

from argparse import Namespace

import pytest

from labelgate.plugins.commands import Commands

SUITE = (
    *("--pyargs", "labelgate.dataset_tests", "--import-mode=importlib", "-p", "no:cacheprovider"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # this program is imported already
)


def add_parser(commands: Commands) -> None:
    """Adds the command; what it does not know is pytest's."""
    parser = commands.add_parser("check", help="decide on a dataset", allow_abbrev=False)
    parser.add_argument(
        "dataset", help="a folder of split/class/image or of shards, dataset.toml, or URL"
    )
    parser.set_defaults(run=run, pytest=[])


def run(given: Namespace) -> int:
    """Decides on a dataset.

    Returns:
        pytest's exit code.
    """
    return run_suite(f"--dataset={given.dataset}", *given.pytest)


def run_suite(*arguments: str) -> int:
    """Runs the suite with arguments of pytest, and returns its exit code."""
    return int(pytest.main([*SUITE, *arguments]))
