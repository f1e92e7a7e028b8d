"""Turns verdicts into what pytest reports: passed, failed, known, not measured, error."""

from collections.abc import Callable

import pytest

from labelgate.expectations.limits import Limits
from labelgate.plugins.known_failures import KNOWN
from labelgate.plugins.verdicts import Cell, Verdicts

OUTCOME = "outcome"
"""The user property under which a check says how it ended; without it a failure is an error."""

SENTENCE = "sentence"
"""The user property under which it says why."""


@pytest.fixture
def gate(
    request: pytest.FixtureRequest, verdicts: Verdicts, limits: Limits
) -> Callable[[str, str], None]:
    """The one check of a property: `gate(property, subject)` passes, fails or is not measured."""

    def check(name: str, subject: str) -> None:
        item = request.node
        outcome, sentence = decide(
            verdicts.cells_of(name, subject), limits.properties[name].required
        )
        known = item.stash.get(KNOWN, None)
        if known is not None and known.expired:
            outcome, entry = "failed", known.entry
            sentence = (
                f"{subject}: the failure that {entry.owner} accepted ({entry.reason}) expired on "
                f"{entry.expires}; mend it or renew the entry. {sentence}"
            )
        item.user_properties += [(OUTCOME, outcome), (SENTENCE, sentence)]
        if outcome == "failed":
            pytest.fail(sentence, pytrace=False)
        if outcome == "not measured":
            pytest.skip(sentence)

    return check


def decide(cells: list[Cell], required: bool) -> tuple[str, str]:
    """Sums the cells of one property and subject up.

    Returns:
        The outcome and its sentence: failed if one cell failed, or if one was not measured and
        must be; not measured if none was; passed otherwise.
    """
    failed = [cell.message for cell in cells if cell.passed is False]
    unmeasured = [cell.message for cell in cells if cell.passed is None]
    if required and (unmeasured or not cells):
        failed.append(f"{' '.join(unmeasured)} It is required.")
    if failed:
        return "failed", "\n".join(failed)
    if any(cell.passed for cell in cells):
        return "passed", ""
    return "not measured", " ".join(unmeasured)


def outcome_of(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Returns the outcome of a check from a report of pytest, None for reports that tell none.

    A set-up or tear-down that failed and a call that raised are errors, whatever pytest says.
    """
    told = dict(getattr(report, "user_properties", ()))
    if "property" not in told or not isinstance(report, pytest.TestReport):
        return None
    if report.when != "call":
        return "error" if report.failed else None
    if hasattr(report, "wasxfail"):
        return "known"
    if report.failed and told.get(OUTCOME) == "passed":
        return "failed"  # strict: a known failure that passes
    return str(told.get(OUTCOME, "error"))
