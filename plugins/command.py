"""The `labelgate` program: a list of its commands, each in a module of `plugins.commands`."""

import argparse
import os
import sys
from typing import NoReturn

from labelgate.plugins.commands import (
    INTERRUPTED,
    PIPE,
    USAGE,
    accept,
    check,
    demo,
    diff,
    measure,
    merge,
    verify,
)

COMMANDS = (check, measure, demo, diff, merge, verify, accept)
"""Each has `add_parser(commands)`, which sets `run(given) -> int` as a default of its parser, and
`pytest=[]` where arguments that it does not know are pytest's."""


class Parser(argparse.ArgumentParser):
    """Ends with pytest's exit code for a usage error, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong and how it is used."""
        self.exit(USAGE, f"{self.format_usage()}{self.prog}: error: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; options alone are those of `check`.

    Args:
        arguments: of the command line.

    Returns:
        The exit code: that of the command, or of its end by Ctrl-C or by a reader that left.
    """
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("labelgate: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _leave_quietly()
        return PIPE
    return code


def _leave_quietly() -> None:
    """Lets what is still to be printed go nowhere: Python flushes both streams when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _run(given: list[str]) -> int:
    if given and given[0].startswith("--dataset"):
        return check.run_suite(*given)
    parser = _parser()
    known, others = parser.parse_known_args(given)
    if "patterns" in known and not any(each.startswith("-") for each in others):
        known.patterns, others = [*known.patterns, *others], []  # that stand behind options
    if others and "pytest" not in known:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if (name := known.command) in ("check", "measure") and given[1] != known.dataset:
        parser.error(f"name the dataset directly after {name}: labelgate {name} DATASET ...")
    known.pytest = others
    return int(known.run(known))


def _parser() -> Parser:
    parser = Parser(
        prog="labelgate",
        description="Decides whether a labelled image dataset is fit to release.",
        epilog="All further options of check, measure and demo are pytest's and labelgate's own: "
        "pytest --help.",
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
