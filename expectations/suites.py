"""Builds Great Expectations suites from limits: one suite a stem, one expectation a limit.

The expectations speak of the measurement table (`fixtures.measurements`) with one more column,
`limit`: the position among the property's limits of the one that counts for the row, 0 for the
default. Importing this module registers `ExpectMeasurementsToMeetLimit`, so that a saved suite can
be loaded and run on a saved table; docs/great-expectations.md shows how.
"""

from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)
from great_expectations.expectations.row_conditions import (
    Column,
    RowConditionType,
)

from labelgate.expectations.limits import Bound, Limit

JUDGED = "judged"


class MeetsLimit(ColumnMapMetricProvider):
    """Which rows hold a number inside the limit; a missing number is outside of it."""

    condition_metric_name = "column_values.meets_limit"
    condition_value_keys = ("min_value", "max_value")
    filter_column_isnull = False  # the library would count rows without a number as good

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(
        cls,
        column: "pd.Series[float]",
        min_value: float | None = None,
        max_value: float | None = None,
        **_: Any,  # noqa: ANN401
    ) -> "pd.Series[bool]":
        meets = column.notna()
        if min_value is not None:
            meets &= column >= min_value
        if max_value is not None:
            meets &= column <= max_value
        return meets


class ExpectMeasurementsToMeetLimit(ColumnMapExpectation):
    """Expect every measurement to be there and to meet its limit.

    Differs from `expect_column_values_to_be_between` in what happens to nulls: there they are left
    out, so that a column of nulls succeeds; here each is unexpected.
    """

    min_value: float | None = None
    max_value: float | None = None

    map_metric = "column_values.meets_limit"
    success_keys = ("min_value", "max_value", "mostly")

    def _validate(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Succeeds only without any unexpected row: the library's rate is over non-null rows."""
        result = super()._validate(*args, **kwargs)
        found = result["result"] if isinstance(result, dict) else result.result
        success = found["unexpected_count"] == 0
        if isinstance(result, dict):
            return {**result, "success": success}
        result.success = success
        return result


def build_suite(stem: str, limits: list[Limit]) -> gx.ExpectationSuite:
    """Builds the suite of one stem: an expectation for each limit of each of its properties."""
    expectations = [
        _expectation(limit, number, bound)
        for limit in limits
        for number, bound in enumerate(limit.bounds)
    ]
    return gx.ExpectationSuite(name=stem, expectations=expectations)


def with_limits(table: pd.DataFrame, limits: list[Limit]) -> pd.DataFrame:
    """Returns the rows of these properties that were measured, with the column `limit`."""
    of = {limit.property: limit for limit in limits}
    rows = table[table["property"].isin(of) & table["value"].notna()].copy()
    columns = (rows[name] for name in ("property", "subject", "split", "predictor"))
    rows["limit"] = [of[name].bound(*cell) for name, *cell in zip(*columns, strict=True)]
    return rows.astype({"limit": "int64"})


def _expectation(limit: Limit, number: int, bound: Bound) -> ExpectMeasurementsToMeetLimit:
    return ExpectMeasurementsToMeetLimit(
        column=JUDGED,
        min_value=bound.low,
        max_value=bound.high,
        row_condition=_rows_of(limit, number, bound),
        severity=FailureSeverity(limit.severity),
        description=f"{limit.property}: {bound.text} {limit.unit}",
        meta={"property": limit.property, "limit": number, "source": bound.source},
    )


def _rows_of(limit: Limit, number: int, bound: Bound) -> RowConditionType:
    condition = (Column("property") == limit.property) & (Column("limit") == number)
    if bound.subject is not None:
        condition = condition & (Column("subject") == bound.subject)
    if bound.split is not None:
        condition = condition & (Column("split") == bound.split)
    if bound.predictor is not None:
        condition = condition & (Column("predictor") == bound.predictor)
    return condition
