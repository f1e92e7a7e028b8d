"""Collects the outcome of every check, from this process or from pytest-xdist workers."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from labelgate.plugins.outcomes import ACCEPTED, SENTENCE, outcome_of

SHOWN = {
    "passed": (".", "PASSED"),
    "failed": ("F", "FAILED"),
    "known": ("k", "KNOWN"),
    "not measured": ("n", "NOT MEASURED"),
    "error": ("E", "ERROR"),
}
"""Letter and word of each outcome on the terminal."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check ended.

    Attributes:
        outcome: passed, failed, known, not measured or error.
        sentence: what pytest says of it, "" if it passed, or if its cells say it.
        known: who accepts its failure, or accepted it, and until when; None for nobody.
    """

    outcome: str
    sentence: str
    known: dict[str, Any] | None = None


PASSED = Outcome("passed", "")

NOT_MEASURED = Outcome("not measured", "")
"""What was not measured, as its cells say why."""


@dataclass(slots=True)
class Collected:
    """What is known of a run so far.

    Attributes:
        started: seconds since the epoch.
        outcomes: by property and subject.
        report: the report as it was written, None before.
        unusable: why nothing could be decided, "" otherwise.
    """

    started: float
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    report: dict[str, Any] | None = None
    unusable: str = ""

    def add(self, report: pytest.TestReport) -> None:
        """Keeps the outcome that a report tells; an error outweighs what was told before."""
        outcome = outcome_of(report)
        if outcome is not None:
            told = dict(report.user_properties)
            key = str(told["property"]), str(told["subject"])
            self.outcomes[key] = _outcome(report, outcome, told)


def status_of(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Returns category, letter and word of a check for the terminal, None for other reports."""
    outcome = outcome_of(report)
    return (outcome, *SHOWN[outcome]) if outcome else None


def _outcome(report: pytest.TestReport, outcome: str, told: dict[str, object]) -> Outcome:
    """Says how a check ended; nearly all of them end in one of two ways, which are kept once."""
    sentence, usual = told.get(SENTENCE), ACCEPTED not in told
    if outcome == "passed" and usual:
        return PASSED
    if outcome == "not measured" and sentence and usual:
        return NOT_MEASURED
    known = json.loads(str(told.get(ACCEPTED, "null")))
    lines = report.longreprtext.strip().splitlines()
    why = str(sentence or "".join(lines[-1:]))
    return Outcome(outcome, "" if outcome == "passed" else why, known)
