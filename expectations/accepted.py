"""Judges failing cells once more: is one beyond the worst value that was accepted of it?

An accepted value counts like a limit, so Great Expectations judges it, as it does every limit: one
table of all such cells, one suite with an expectation for each side.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from labelgate.expectations.limits import Side
from labelgate.fixtures.aside import Start, at_once

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd


@dataclass(frozen=True, slots=True)
class AcceptedCell:
    """A failing cell whose failure was accepted up to a value.

    Attributes:
        judged: the value or bound that did not meet the limit.
        accepted: the worst one that was accepted.
        side: the side of the limit that `judged` is on.
    """

    judged: float | None
    accepted: float | None
    side: Side


def judge_accepted(cells: Sequence[AcceptedCell], start: Start = at_once) -> set[int]:
    """Returns the positions of the cells that are not beyond what was accepted of them.

    The accepted value itself is not beyond. A cell that lacks one of its two numbers always is.

    Args:
        cells: to be judged.
        start: where Great Expectations runs; here by default.

    Raises:
        RuntimeError: an expectation could not be evaluated, or a cell was judged by none.
    """
    return start(_judge, cells)() if cells else set()


def _judge(cells: Sequence[AcceptedCell]) -> set[int]:
    from labelgate.expectations.judge import quiet, unexpected_rows, validate

    with quiet():
        result = validate(_table(cells), build_suite(), ["cell"])
    beyond: set[int] = set()
    judged = []
    for each in result.results:
        beyond |= unexpected_rows(each)
        judged.append(each.result["element_count"])
    sides = Counter(cell.side for cell in cells)
    if judged != [sides[side] for side in get_args(Side)]:
        raise RuntimeError(f"accepted cells were left out or judged twice: {judged} of {sides}")
    return set(range(len(cells))) - beyond


def build_suite() -> "gx.ExpectationSuite":
    """Builds the suite: no judged value is above, or below, the one that was accepted."""
    import great_expectations as gx

    return gx.ExpectationSuite(
        name="accepted", expectations=[_expectation(side) for side in get_args(Side)]
    )


def _expectation(side: Side) -> "gx.expectations.Expectation":
    import great_expectations as gx
    from great_expectations.expectations.row_conditions import Column

    larger, smaller = ("accepted", "judged") if side == "max" else ("judged", "accepted")
    return gx.expectations.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=larger,
        column_B=smaller,
        or_equal=True,
        ignore_row_if="neither",  # a missing number is compared, and is never within
        row_condition=Column("side") == side,
    )


def _table(cells: Sequence[AcceptedCell]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "cell": range(len(cells)),
            "side": [cell.side for cell in cells],
            "judged": pd.Series([cell.judged for cell in cells], dtype="float64"),
            "accepted": pd.Series([cell.accepted for cell in cells], dtype="float64"),
        }
    )
