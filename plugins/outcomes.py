"""Turns verdicts into what pytest reports: passed, failed, known, not measured, error."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pytest

from labelgate.expectations.limits import Limits
from labelgate.plugins.cells import Cell
from labelgate.plugins.known_failures import KNOWN, KnownEntry, KnownFailures
from labelgate.plugins.verdicts import Verdicts

OUTCOME = "outcome"
"""The user property under which a check says how it ended; without it a failure is an error."""

SENTENCE = "sentence"
"""The user property under which it says why."""

ACCEPTED = "known"
"""The user property under which it says, as JSON, who accepted its failure, until when and why."""


OLD = "the baseline had this failure already, to at least this degree (--gate=new)"
"""Why a failure that the baseline excuses is known."""

BY_BASELINE = {
    "by": "baseline",
    **dict.fromkeys(("reason", "owner", "expires", "days_left", "issue", "value")),
}
"""What the report says of such a failure."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How a check ends.

    Attributes:
        outcome: passed, failed, known or not measured.
        sentence: why, "" if it passed.
        unmeasured: whether it fails for what was not measured, and so for what nobody can accept.
    """

    outcome: str
    sentence: str
    unmeasured: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """What ends every check of a run.

    Attributes:
        verdicts: what was decided.
        limits: say what is required.
        known: accepted failures, None where none are given.
        runxfail: whether accepted failures fail all the same (`--runxfail`).
    """

    verdicts: Verdicts
    limits: Limits
    known: KnownFailures | None
    runxfail: bool

    def __call__(self, item: pytest.Item, name: str, subject: str) -> None:
        """Ends one check: passes, fails, is known or not measured."""
        end(self.decide(name, subject, item.user_properties))

    def decide(self, name: str, subject: str, told: list[tuple[str, object]]) -> Decision:
        """Decides how one check ends, and adds it to the user properties `told`."""
        if name in self.verdicts.broken:  # an error: no outcome is told
            # A traceback of ours takes 5 ms, and says less than that of the measurement.
            pytest.fail(self.verdicts.broken[name], pytrace=False)
        cells = self.verdicts.cells_of(name, subject)
        decision = decide(cells, self.limits.properties[name].required)
        decision = self._accepted(name, subject, decision, told)
        told += [(OUTCOME, decision.outcome), (SENTENCE, decision.sentence)]
        return decision

    def _accepted(
        self, name: str, subject: str, decision: Decision, told: list[tuple[str, object]]
    ) -> Decision:
        """Changes what was decided where somebody, or the baseline, accepts the failure."""
        entry = self.known.entries.get((name, subject)) if self.known else None
        if self.known is not None and entry is not None:
            cells, days_left = self.verdicts.cells_of(name, subject), self.known.days_left(entry)
            accepted = accept(decision, subject, cells, entry, days_left)
            told.append((ACCEPTED, json.dumps(by_entry(entry, self.known))))
        elif decision.outcome == "failed" and (name, subject) in self.verdicts.old:
            accepted = Decision("known", f"{subject}: {OLD}")
            told.append((ACCEPTED, json.dumps(BY_BASELINE)))
        else:
            return decision
        return decision if self.runxfail and accepted.outcome == "known" else accepted


GATE = pytest.StashKey[Gate]()
"""What ends every check, when the first one has set it up."""


@pytest.fixture
def gate(
    request: pytest.FixtureRequest, verdicts: Verdicts, limits: Limits
) -> Callable[[str, str], None]:
    """The one check of a property: `gate(property, subject)` passes, fails or is not measured."""
    config = request.config
    known = config.stash.get(KNOWN, None)
    found = config.stash.setdefault(GATE, Gate(verdicts, limits, known, config.option.runxfail))
    return partial(found, request.node)


def end(decision: Decision) -> None:
    """Ends the test in the way of pytest that stands for the outcome."""
    if decision.outcome == "known":
        pytest.xfail(decision.sentence)
    if decision.outcome == "failed":
        pytest.fail(decision.sentence, pytrace=False)
    if decision.outcome == "not measured":
        pytest.skip(decision.sentence)


SKIPPED_AT = end.__code__.co_filename, max(line or 0 for *_, line in end.__code__.co_lines())
"""Where pytest says that a test was skipped which was not measured: the last line of `end`."""


def decide(cells: Sequence[Cell], required: bool) -> Decision:
    """Sums the cells of one property and subject up.

    Returns:
        Failed if one cell failed, or if one was not measured and must be; not measured if none was;
        passed otherwise.
    """
    failed = [cell.message for cell in cells if cell.passed is False]
    unmeasured = [cell.sentence() for cell in cells if cell.passed is None]
    lacking = required and bool(unmeasured or not cells)
    if lacking:
        failed.append(f"{' '.join(unmeasured)} It is required.")
    if failed:
        return Decision("failed", "\n".join(failed), lacking)
    if any(cell.passed for cell in cells):
        return Decision("passed", "")
    return Decision("not measured", " ".join(unmeasured))


def accept(
    decision: Decision, subject: str, cells: Sequence[Cell], entry: KnownEntry, days_left: int
) -> Decision:
    """Changes what was decided where an entry of the known failures names the check.

    Strict: known is a measured failure that is not beyond the accepted value, until the last day.
    An entry whose check passes, and one whose day has passed, fails; a check that was not measured
    stays so, and fails as before where it is required.
    """
    if decision.outcome == "passed":
        return Decision(
            "failed",
            f"{subject}: passes now, but a known failure says that it fails: {entry.told()}; "
            "remove the entry.",
        )
    if days_left < 0:
        refused = (
            f"{subject}: the failure that {entry.owner} accepted ({entry.reason}) expired on "
            f"{entry.expires}, {_days(-days_left)} ago; mend it or renew the entry."
        )
    elif decision.outcome == "not measured":
        return decision
    elif decision.unmeasured:
        refused = (
            f"{subject}: a known failure ({entry.told()}) accepts what was measured, and not that "
            "it is not measured; measure it, or let the limits not require it."
        )
    elif beyond := _beyond(cells, entry):
        refused = f"{subject}{beyond}"
    else:
        return Decision("known", entry.told())
    return Decision("failed", f"{refused} {decision.sentence}")


def _beyond(cells: Sequence[Cell], entry: KnownEntry) -> str:
    """Says which failing cells are beyond the accepted value, "" if none is."""
    failing = [cell for cell in cells if cell.passed is False and not cell.within]
    if entry.value is None or not failing:
        return ""
    told = ", ".join(f"{cell.judged:g}{_where(cell)}" for cell in failing)
    return (
        f": {told} is worse than {entry.value:g}, the worst value that {entry.owner} accepted "
        f"({entry.reason}, until {entry.expires}); mend what is new or accept the new value."
    )


def _where(cell: Cell) -> str:
    """Names the split and the predictor of a cell, as far as it has them."""
    split = f" in {cell.split}" if cell.split else ""
    return split + (f" by {cell.predictor}" if cell.predictor else "")


def _days(number: int) -> str:
    return f"{number:,} day" if number == 1 else f"{number:,} days"


def by_entry(entry: KnownEntry, known: KnownFailures) -> dict[str, object]:
    """Returns what the report says of an accepted failure."""
    return {
        "by": "entry",
        "reason": entry.reason,
        "owner": entry.owner,
        "expires": entry.expires.isoformat(),
        "days_left": known.days_left(entry),
        "issue": entry.issue,
        "value": entry.value,
    }


def outcome_of(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Returns the outcome of a check from a report of pytest, None for reports that tell none.

    A set-up or tear-down that failed and a call that raised are errors, whatever pytest says, and
    whatever a marker of somebody else expects.
    """
    if not isinstance(report, pytest.TestReport) or (report.when != "call" and not report.failed):
        return None
    told = dict(report.user_properties)
    if "property" not in told:
        return None
    if report.when != "call":
        return "error"
    outcome = str(told.get(OUTCOME, "error"))
    contradicted = {"passed": not report.passed, "known": not report.skipped}
    return "error" if contradicted.get(outcome) else outcome
