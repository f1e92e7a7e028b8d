"""What fails in a report and can be accepted, and why the rest cannot."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Any

from labelgate.fixtures.subjects import DATASET_SUBJECT
from labelgate.plugins.known_failures import Check

DIGITS = 6
"""Significant digits of an accepted value that is no whole number; it is rounded to the worse side,
so that the same data give the same verdict on a processor whose last digits differ."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A check that fails, or that is known to fail.

    Attributes:
        check: property and subject.
        names: all that it is called: property and subject, and its test in both spellings.
        value: the worst value or bound that was judged of its failing cells.
        known: whether its failure is accepted already.
        message: what the report says of it.
    """

    check: Check
    names: tuple[str, ...]
    value: float
    known: bool
    message: str

    @property
    def name(self) -> str:
        """Property and subject, as people write it."""
        return self.names[0]


def failing_in(report: dict[str, Any]) -> tuple[list[Failing], dict[str, str]]:
    """Divides the checks of a report that did not pass.

    Returns:
        Those that can be accepted, and why each of the others cannot, by every name of it.
    """
    found, refused = [], {}
    for result in report["results"]:
        names = _names(result, report["properties"][result["property"]])
        why = _refusal(result, report["properties"][result["property"]]["required"])
        if why:
            refused.update(dict.fromkeys(names, why))
            continue
        known = result["outcome"] == "known"
        sentence = result["message"].partition("\n")[0]
        check = result["property"], result["subject"]
        found.append(Failing(check, names, worst(_failing(result)), known, sentence))
    return found, refused


def _failing(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in result["cells"] if cell["passed"] is False]


def _names(result: dict[str, Any], entry: dict[str, Any]) -> tuple[str, ...]:
    name, subject = result["property"], result["subject"]
    test = f"test_{entry['stem']}::test_{name}"
    escaped = subject.encode("unicode_escape").decode("ascii")
    whole = [test] if entry["per"] == "dataset" and subject == DATASET_SUBJECT else []
    return (f"{name}[{subject}]", *whole, f"{test}[{subject}]", f"{test}[{escaped}]")


def _refusal(result: dict[str, Any], required: bool) -> str:
    """Says why a check cannot be accepted, "" if it can be."""
    if result["outcome"] == "error":
        return "it broke, and an error is never accepted"
    failing = _failing(result)
    unmeasured = [cell for cell in result["cells"] if cell["passed"] is None]
    if result["outcome"] == "not_measured" or (required and (unmeasured or not result["cells"])):
        return "it was not measured, and only a measured failure is accepted"
    if not failing:
        return "it passes now; an entry of it has to be removed"
    if len({cell["side"] for cell in failing}) > 1:
        return (
            "its cells are on both sides of their limits, and one value cannot say how far; write "
            "the entry by hand, without value"
        )
    return ""


def worst(cells: Sequence[dict[str, Any]]) -> float:
    """Returns the worst value or bound of failing cells of one side, rounded to the worse side.

    A whole number stays as it is; others keep `DIGITS` significant digits.
    """
    values = [float(cell["judged"]) for cell in cells]
    upwards = cells[0]["side"] == "max"
    value = max(values) if upwards else min(values)
    if value.is_integer():
        return value
    context = Context(prec=DIGITS, rounding=ROUND_CEILING if upwards else ROUND_FLOOR)
    return float(context.create_decimal(repr(value)))


def matching(found: Sequence[Failing], pattern: str) -> list[Failing]:
    """Returns the checks that a pattern names, in any of the ways to name them.

    `*` and `?` are wildcards, as in a shell, and a backslash before one of the three takes its
    meaning away. Everything else stands for itself, brackets too. A name given in full is found
    whatever it holds, and nothing else then.
    """
    exact = [each for each in found if pattern in each.names]
    if exact:
        return exact
    wanted = re.compile("".join(_translate(pattern)), re.DOTALL)
    return [each for each in found if any(map(wanted.fullmatch, each.names))]


def _translate(pattern: str) -> Iterator[str]:
    for letter in re.findall(r"\\[*?\\]|.", pattern, re.DOTALL):
        if letter in ("*", "?"):
            yield ".*" if letter == "*" else "."
        else:
            yield re.escape(letter[-1])
