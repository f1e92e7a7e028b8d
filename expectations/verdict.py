"""One measured cell and what was decided about it, and how that is told."""

from dataclasses import dataclass

from labelgate.expectations.limits import Bound, Limit, Side
from labelgate.fixtures.measurements import Measurement
from labelgate.fixtures.printing import printable


@dataclass(frozen=True, slots=True)
class Verdict:
    """One measured cell and what was decided about it.

    Attributes:
        measurement: the cell.
        limit: what is tolerated of its property.
        bound: the one of its limits that counts for this cell.
        passed: whether it meets the limit; None if it was not measured.
    """

    measurement: Measurement
    limit: Limit
    bound: Bound
    passed: bool | None

    @property
    def judged(self) -> float | None:
        """The value or bound that has to meet the limit; None if it was not measured."""
        row = self.measurement
        return row.value if row.judged is None else row.judged

    @property
    def side(self) -> Side | None:
        """The side of the limit that it fails on; None if it does not fail.

        Whether it fails is decided by then; of a limit with two ends, the nearer one is meant.
        """
        low, high, judged = self.bound.low, self.bound.high, self.judged
        if self.passed is not False or judged is None:
            return None
        if low is None or high is None:
            return "max" if low is None else "min"
        return "max" if judged > (low + high) / 2 else "min"

    @property
    def message(self) -> str:
        """One sentence: subject, number, limit, first files, next step; printable on a terminal."""
        return printable(self._sentence())

    def _sentence(self) -> str:
        row, limit = self.measurement, self.limit
        if self.passed is None:
            return tell_unmeasured(row.subject, row.split, row.predictor, row.reason)
        where = _where(row.split, row.predictor)
        value = float(row.value or 0)
        told = int(value) if value.is_integer() else f"{value:g}"
        finding = limit.finding.format(value=told, n=row.n)
        note = f": {row.note}" if row.note else ""
        evidence = f"; all of them in evidence/{limit.evidence}" if limit.evidence else ""
        return (
            f"{row.subject}{where}: {finding}, the limit is {self.bound.text}{note}. "
            f"{limit.remedy}{evidence}."
        )


def tell_unmeasured(subject: str, split: str, predictor: str, reason: str) -> str:
    """Says in one sentence why a cell was not measured; printable on a terminal."""
    return printable(f"{subject}{_where(split, predictor)}: not measured, {reason}.")


def _where(split: str, predictor: str) -> str:
    return (f" in {split}" if split else "") + (f", by {predictor}" if predictor else "")
