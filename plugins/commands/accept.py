"""`labelgate accept REPORT PATTERN...`: writes known failures for what fails now."""

import io
import re
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from labelgate.fixtures.errors import LabelgateError, SettingsError
from labelgate.fixtures.printing import printable
from labelgate.plugins.commands import USAGE, Commands

if TYPE_CHECKING:
    from labelgate.plugins.failing import Failing

TELL = (
    "PATTERN names checks as property[subject] or test_module::test_name[id]; * and ? are "
    "wildcards, everything else stands for itself, \\* is a star. Quote it for the shell."
)


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "accept", help="accept failures of a report, for a reason, until a day", epilog=TELL
    )
    parser.add_argument("report", type=Path, help="a report folder, or the report.json in it")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="which failing checks")
    parser.add_argument("--all", action="store_true", help="every check that failed")
    parser.add_argument("--reason", type=_text, help="why; needed for every new entry")
    parser.add_argument("--owner", type=_text, help="who accepts it; needed for every new entry")
    parser.add_argument(
        "--until", type=_day, metavar="YYYY-MM-DD", help="the last day, in UTC; needed as well"
    )
    parser.add_argument("--issue", type=_address, metavar="URL", help="where it is tracked")
    parser.add_argument(
        "--file", type=Path, default=Path("known_failures.toml"), help="by default %(default)s"
    )
    parser.set_defaults(run=run)


def _text(given: str) -> str:
    if not given.strip():
        raise ArgumentTypeError("say it in words")
    return given.strip()


def _day(given: str) -> date:
    from labelgate.plugins.known_failures import today

    try:
        day = date.fromisoformat(given)
    except ValueError as error:
        raise ArgumentTypeError(f"'{given}' is no day; give it as YYYY-MM-DD") from error
    if day < today():
        raise ArgumentTypeError(f"{day} has passed, today is {today()} in UTC; give a later day")
    return day


def _address(given: str) -> str:
    from labelgate.plugins.known_failures import ADDRESS

    if not re.match(ADDRESS, given):
        raise ArgumentTypeError(f"'{given}' is no address that begins with http:// or https://")
    return given


def run(given: Namespace) -> int:
    """Writes entries for the checks that were chosen.

    Returns:
        0 if entries were written, or none was wanted; 4 if nothing can be written as asked.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # of names that it cannot show
    try:
        _accept(given)
    except LabelgateError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return USAGE
    return 0


def _accept(given: Namespace) -> None:
    from labelgate.plugins.failing import failing_in
    from labelgate.plugins.known_file import Terms, write_entries
    from labelgate.plugins.report.complete import read_complete

    found, refused = failing_in(read_complete(given.report)[1])
    chosen = _chosen(given, found, refused)
    _refuse_without_terms(given, chosen)
    if chosen and not given.patterns and not given.all:
        chosen = list(_ask(chosen))
    if not chosen:
        print("Nothing was accepted.")
        return
    terms = Terms(given.reason, given.owner, given.until, given.issue)
    for line in write_entries(given.file, chosen, terms):
        print(line)
    print(f"{len(chosen):,} {'entry' if len(chosen) == 1 else 'entries'} written to {given.file}")


def _chosen(
    given: Namespace, found: "Sequence[Failing]", refused: Mapping[str, str]
) -> "list[Failing]":
    """The checks that are asked for: by patterns, all that failed, or those to be asked about."""
    if given.all and given.patterns:
        raise SettingsError("--all accepts every failure; give it, or patterns.")
    failed = [check for check in found if not check.known]
    if given.patterns:
        return _by_pattern(given.patterns, found, refused)
    if not given.all and failed and not (sys.stdin.isatty() and sys.stdout.isatty()):
        for check in failed:
            print(printable(check.name))
        raise SettingsError(
            f"{len(failed):,} checks fail; name those to accept, with wildcards if need be, or "
            "give --all."
        )
    return failed


def _by_pattern(
    patterns: Sequence[str], found: "Sequence[Failing]", refused: Mapping[str, str]
) -> "list[Failing]":
    from labelgate.plugins.failing import matching

    chosen: dict[str, Failing] = {}
    for pattern in patterns:
        if pattern in refused:
            raise SettingsError(f"'{printable(pattern)}' cannot be accepted: {refused[pattern]}.")
        matches = matching(found, pattern)
        if not matches:
            raise SettingsError(
                f"'{printable(pattern)}' names none of the {len(found):,} checks that fail or are "
                "known to fail; labelgate accept REPORT lists them."
            )
        chosen |= {check.name: check for check in matches}
    return [check for check in found if check.name in chosen]


def _refuse_without_terms(given: Namespace, chosen: "Sequence[Failing]") -> None:
    from labelgate.plugins.known_file import entry_of, read_entries

    entries = read_entries(given.file)
    new = [check.name for check in chosen if entry_of(check, entries) is None]
    if new and None in (given.reason, given.owner, given.until):
        raise SettingsError(
            f"{len(new):,} of the checks have no entry in {given.file}, the first is "
            f"{printable(new[0])}; give --reason, --owner and --until."
        )


def _ask(checks: "Sequence[Failing]") -> "Iterator[Failing]":
    """Asks about one check after the other: y accepts it, n does not, q ends the questions."""
    for number, check in enumerate(checks, start=1):
        print(f"\n[{number:,} of {len(checks):,}] {printable(check.name)}\n{check.message}")
        answer = ""
        while answer not in ("y", "n", "q"):
            try:
                answer = input("Accept it? y(es), n(o), q(uit): ").strip().lower()[:1]
            except EOFError:
                answer = "q"
        if answer == "q":
            return
        if answer == "y":
            yield check
