"""`labelgate measure DATASET`: computes and stores what checks need, for a cluster or at night."""

from argparse import Namespace

from labelgate.plugins.commands import Commands
from labelgate.plugins.commands.check import run_suite


def add_parser(commands: Commands) -> None:
    """Adds the command; what it does not know is pytest's."""
    parser = commands.add_parser(
        "measure", help="compute what check needs, and store it", allow_abbrev=False
    )
    parser.add_argument("dataset", help="a folder of split/class/image, or a dataset.toml")
    parser.set_defaults(run=run, pytest=[])


def run(given: Namespace) -> int:
    """Computes and stores every fact that the selected checks need; no check runs.

    Returns:
        0 if all is stored, 1 if a measurement broke, or pytest's code of a usage error.
    """
    return run_suite("-p", "labelgate.plugins.facts", f"--dataset={given.dataset}", *given.pytest)
