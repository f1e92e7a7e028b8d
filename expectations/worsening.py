"""What is worse than at the baseline: failures that it did not have, or had to a lesser degree.

A failing check is *old* if each of its failing cells failed at the baseline too, and is not beyond
the value of then. That is judged as a limit is, by Great Expectations and on the same bound: a rate
of few images is beyond its old value only if the data show it. A count may not name an image either
that the old cell did not name: one duplicate mended and another one added is a new failure. What
was not decided at the baseline is new. Properties that were decided then and fail now without being
old are *worse*.

The stem `release` is left out: what it says depends on another baseline each time.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from labelgate.expectations.accepted import AcceptedCell, judge_accepted
from labelgate.expectations.judge import Judgement
from labelgate.expectations.verdict import Verdict
from labelgate.fixtures.aside import Start, at_once
from labelgate.fixtures.baseline import Baseline
from labelgate.fixtures.changes import Changes
from labelgate.fixtures.earlier_names import EarlierNames
from labelgate.fixtures.measurements import LATER
from labelgate.fixtures.standing import Standing, Standings, Worse

DECIDED = ("passed", "failed", "known")
"""Outcomes of a check that was decided; a known failure is a failure."""

Check = tuple[str, str]
"""Property and subject, as it is called now."""

Cell = dict[str, Any]
"""A cell of a report."""


@dataclass(frozen=True)
class Earlier:
    """A baseline, asked by what things are called now.

    Attributes:
        baseline: the earlier report.
        names: what classes and splits were called then.
        changes: what changed since.
        old: (N,) int64 where each image stands in the baseline's inventory, -1 for nowhere.
    """

    baseline: Baseline
    names: EarlierNames
    changes: Changes
    old: NDArray[np.int64]

    def result_of(self, check: Check) -> dict[str, Any] | None:
        """The result of a check; None where there is none."""
        return self.baseline.result_of(*check, self.names)

    def cell_of(self, check: Check, verdict: Verdict) -> Cell | None:
        """The cell of a check on the same split, by the same predictor; None without one."""
        row = verdict.measurement
        return self.baseline.cell_of(check, row.split, row.predictor, self.names)

    def named(self, verdict: Verdict) -> bool:
        """Whether the earlier cell named every image behind a verdict."""
        row = verdict.measurement
        old = self.old[np.fromiter(chain.from_iterable(row.examples), np.int64)]
        if (old < 0).any():
            return False
        subject, split = self.names.subject(row.subject), self.names.split(row.split)
        cell = row.property, subject, split, row.predictor
        named = self._found[self.baseline.findings.rows_of(cell)]
        return bool(np.isin(old, named).all())

    @cached_property
    def _found(self) -> NDArray[np.int64]:
        """(R,) int64 where the image of each finding stands in the baseline's inventory."""
        paths = self.baseline.findings.table["path"].combine_chunks()
        found = pc.index_in(paths, self.changes.before.column("path"))
        return np.asarray(pc.fill_null(found, -1), np.int64)


def look_back(baseline: Baseline, changes: Changes) -> Earlier:
    """Prepares a baseline to be asked by what things are called now."""
    old = np.full(len(changes.after), -1, np.int64)
    old[changes.kept[:, 1]] = changes.kept[:, 0]
    return Earlier(baseline, changes.earlier_names, changes, old)


def compare_verdicts(
    verdicts: Sequence[Verdict], earlier: Earlier, start: Start = at_once
) -> Standings:
    """Says which failures are old, and which properties of each subject got worse.

    Args:
        verdicts: of this run.
        earlier: the baseline.
        start: where Great Expectations runs; here by default.
    """
    checks: dict[Check, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.limit.stem not in LATER:
            checks[verdict.measurement.property, verdict.measurement.subject].append(verdict)
    failing = {check: cells for check, cells in checks.items() if any(map(_fails, cells))}
    reasons = _find_new(failing, earlier, start)
    compared: Counter[tuple[str, str]] = Counter()
    worse: dict[tuple[str, str], list[Worse]] = defaultdict(list)
    for check, cells in checks.items():
        result = earlier.result_of(check)
        of = cells[0].limit.per, check[1]
        if result is None or result["outcome"] not in DECIDED or not _is_decided(cells):
            continue
        compared[of] += 1
        if check in reasons:
            worse[of].append(Worse(check[0], reasons[check]))
    standings = {of: Standing(n, tuple(worse[of])) for of, n in compared.items()}
    return Standings(standings, frozenset(failing.keys() - reasons.keys()))


def _fails(verdict: Verdict) -> bool:
    return verdict.passed is False or (verdict.passed is None and verdict.limit.required)


def _is_decided(cells: Sequence[Verdict]) -> bool:
    return any(_fails(cell) or cell.passed for cell in cells)


def _find_new(
    failing: dict[Check, list[Verdict]], earlier: Earlier, start: Start
) -> dict[Check, str]:
    """Says of each failing check that is not old what its first new cell was and is."""
    cells = [
        (check, verdict, earlier.cell_of(check, verdict))
        for check, verdicts in failing.items()
        for verdict in filter(_fails, verdicts)
    ]
    within = judge_accepted([_accept(verdict, cell) for _, verdict, cell in cells], start)
    reasons: dict[Check, str] = {}
    for position, (check, verdict, cell) in enumerate(cells):
        told = _compare(verdict, cell, earlier, within=position in within)
        if told and check not in reasons:
            reasons[check] = told
    return reasons


def _accept(verdict: Verdict, cell: Cell | None) -> AcceptedCell:
    """The earlier value as the worst that is accepted; none where the cell did not fail then."""
    accepted = cell["value"] if cell is not None and cell["passed"] is False else None
    return AcceptedCell(verdict.judged, accepted, verdict.side or "max")


def _compare(verdict: Verdict, cell: Cell | None, earlier: Earlier, *, within: bool) -> str:
    """Says what a failing cell was and is; "" where it is old."""
    row = verdict.measurement
    where = f"in {row.split}, " if row.split else ""
    where += f"by {row.predictor}, " if row.predictor else ""
    if cell is None:
        return f"{where}not measured then, {_tell(row.value)} now"
    was = _tell(cell["value"])
    if verdict.passed is None:  # required, and not measured: as it was, if it was so then
        return "" if cell["passed"] is None else f"{where}{was} then, not measured now"
    if cell["passed"] is None:
        return f"{where}not measured then, {_tell(row.value)} now"
    if cell["passed"]:
        return f"{where}passed then with {was}, {_tell(row.value)} now"
    if not within:
        return f"{where}{was} then, {_tell(row.value)} now"
    counted = row.low is None and row.high is None
    if counted and not earlier.named(verdict):
        return f"{where}{was} then and {_tell(row.value)} now, of other images"
    return ""


def _tell(value: float | None) -> str:
    return "not measured" if value is None else f"{value:g}"


@pytest.fixture(scope="session")
def standings(
    judgement: Judgement, baseline: Baseline | None, changes: Changes | None, judging: Start
) -> Standings:
    """How the verdicts of this run stand against the baseline's; nothing without one."""
    if baseline is None or changes is None:
        return Standings()
    return compare_verdicts(judgement.verdicts, look_back(baseline, changes), judging)
