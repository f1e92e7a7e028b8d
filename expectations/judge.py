"""Runs the suites on the measurement table and says which cells meet their limits.

Great Expectations is the only judge: no limit is compared anywhere else.
"""

import logging
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from labelgate.expectations.limits import Bound, Limit, Limits, Side
from labelgate.fixtures.measurements import Measurement, Measurements
from labelgate.fixtures.printing import printable
from labelgate.fixtures.temporary import temporary_folder

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult

CELL_COLUMNS = ("cell", "property", "subject", "split", "predictor")
"""What a failing row is named by in a validation result."""


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


@dataclass(frozen=True, slots=True)
class Judgement:
    """All verdicts of a run, and the papers behind them.

    Attributes:
        verdicts: one per row of the measurement table, in its order.
        tables: the judged rows of each stem, as the suite saw them.
        suites: each stem's suite in Great Expectations' own JSON.
        results: each stem's validation result in Great Expectations' own JSON.
    """

    verdicts: tuple[Verdict, ...]
    tables: "dict[str, pd.DataFrame]"
    suites: dict[str, dict[str, Any]]
    results: dict[str, dict[str, Any]]

    def joined(self, later: "Judgement") -> "Judgement":
        """Returns these verdicts with those of other stems behind them."""
        return Judgement(
            self.verdicts + later.verdicts,
            self.tables | later.tables,
            self.suites | later.suites,
            self.results | later.results,
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Great Expectations' deprecations, progress and temporary folders to itself."""
    log = logging.getLogger("great_expectations")
    level = log.level
    with warnings.catch_warnings(), temporary_folder() as folder:
        warnings.simplefilter("ignore")
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        log.setLevel(logging.WARNING)
        try:
            yield
        finally:
            log.setLevel(level)
            tempfile.tempdir = before
            logging.captureWarnings(False)  # it turns this on when it is imported


@quiet()
def judge(measurements: Measurements, limits: Limits) -> Judgement:
    """Validates the measurement table, one suite a stem.

    Args:
        measurements: what was measured.
        limits: what is tolerated; every measured property must have a limit.

    Raises:
        RuntimeError: an expectation could not be evaluated, or a row was judged by none.
    """
    from labelgate.expectations.suites import build_suite, with_limits

    table = measurements.table()
    stems = sorted({limits.properties[name].stem for name in table["property"].unique()})
    failing: set[int] = set()
    papers: tuple[dict[str, Any], ...] = ({}, {}, {})
    for stem in stems:
        rows = with_limits(table, limits.of_stem(stem))
        suite = build_suite(stem, limits.of_stem(stem))
        result = validate(rows, suite)
        failing |= failing_cells(result, rows)
        written = rows, suite.to_json_dict(), result.to_json_dict()  # type: ignore[no-untyped-call]
        for paper, content in zip(papers, written, strict=True):
            paper[stem] = content
    return Judgement(tuple(_verdicts(measurements, limits, failing)), *papers)


def validate(
    rows: "pd.DataFrame", suite: "gx.ExpectationSuite", named_by: Sequence[str] = CELL_COLUMNS
) -> "ExpectationSuiteValidationResult":
    """Runs one suite on its rows in a context that leaves no files behind.

    Args:
        rows: what is judged.
        suite: what is expected of them.
        named_by: the columns by which the result names a row that is unexpected.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("measurements").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": list(named_by)}
    return batch.validate(suite, result_format=wanted)


def failing_cells(result: Any, rows: "pd.DataFrame") -> set[int]:  # noqa: ANN401
    """Returns the cells that do not meet their limit.

    Args:
        result: a validation result of `validate`.
        rows: what it was run on; the rows of each property and limit must have been judged by the
            one expectation of that property and limit.

    Raises:
        RuntimeError: an expectation raised, or rows were left out or judged twice.
    """
    cells: set[int] = set()
    unjudged = Counter(zip(rows["property"], rows["limit"], strict=True))
    judged: set[tuple[str, int]] = set()
    for each in result.results:
        cells |= unexpected_rows(each)
        judges = each.expectation_config.meta["property"], each.expectation_config.meta["limit"]
        if judges in judged:
            raise RuntimeError(f"rows were judged twice: {judges}")
        judged.add(judges)
        unjudged[judges] -= each.result["element_count"]
    if any(unjudged.values()):
        wrong = {judges: number for judges, number in unjudged.items() if number}
        raise RuntimeError(f"rows were left out: {wrong}")
    return cells


def unexpected_rows(each: Any) -> set[int]:  # noqa: ANN401
    """Returns the column `cell` of the rows that one expectation did not expect.

    Args:
        each: the result of one expectation, of `validate` on rows with a column `cell`.

    Raises:
        RuntimeError: it raised, or its success contradicts its rows.
    """
    if each.exception_info.get("raised_exception", True):
        raise RuntimeError(f"an expectation could not be evaluated: {each.exception_info}")
    unexpected = each.result["unexpected_index_list"] or []
    if each.success == bool(unexpected):
        raise RuntimeError(f"an expectation contradicts its own rows: {each.expectation_config}")
    return {int(row["cell"]) for row in unexpected}


def _verdicts(measurements: Measurements, limits: Limits, failing: set[int]) -> Iterator[Verdict]:
    for cell, row in enumerate(measurements.rows, measurements.first):
        limit = limits.properties[row.property]
        bound = limit.bounds[limit.bound(row.subject, row.split, row.predictor)]
        passed = None if row.value is None else cell not in failing
        if passed is not False and (row.examples or row.captions or row.tables):
            always = [table for table in row.tables if table.always]
            row = replace(row, examples=(), captions=(), tables=always)
        yield Verdict(row, limit, bound, passed)


@pytest.fixture(scope="session")
def judgement(measurements: Measurements, limits: Limits) -> Judgement:
    """What was decided about every cell, but for the stems that speak of these verdicts."""
    return judge(measurements, limits)
