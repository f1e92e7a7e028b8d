"""The worst accepted value is judged like a limit: what is not beyond it stays accepted."""

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.expectations import judge as judging
from labelgate.expectations.accepted import AcceptedCell, judge_accepted
from labelgate.expectations.limits import Bound, Side
from labelgate.expectations.limits_file import read_limits
from labelgate.expectations.verdict import Verdict
from labelgate.fixtures.measurements import Measurement

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports

NUMBERS = st.none() | st.just(math.nan) | st.integers(-20, 20).map(lambda n: n / 10)
CELLS = st.builds(AcceptedCell, NUMBERS, NUMBERS, st.sampled_from(["max", "min"]))


@pytest.mark.parametrize(
    ("judged", "side", "within"),
    [
        (math.nextafter(0.68, 0), "max", True),
        (0.68, "max", True),
        (math.nextafter(0.68, 1), "max", False),
        (math.nextafter(0.68, 0), "min", False),
        (0.68, "min", True),
        (math.nextafter(0.68, 1), "min", True),
        (math.inf, "max", False),
        (-math.inf, "min", False),
    ],
)
def test_what_is_not_worse_than_accepted_is_within(judged: float, side: Side, within: bool) -> None:
    assert judge_accepted([AcceptedCell(judged, 0.68, side)]) == ({0} if within else set())


@pytest.mark.parametrize("side", ["max", "min"])
@pytest.mark.parametrize(
    ("judged", "accepted"),
    [(None, 1.0), (1.0, None), (None, None), (math.nan, 1.0), (1.0, math.nan)],
)
def test_a_missing_number_is_never_within(
    judged: float | None, accepted: float | None, side: Side
) -> None:
    assert judge_accepted([AcceptedCell(judged, accepted, side)]) == set()


def expected(cells: Sequence[AcceptedCell]) -> set[int]:
    return {
        number
        for number, cell in enumerate(cells)
        if cell.judged is not None and cell.accepted is not None
        if (cell.judged <= cell.accepted if cell.side == "max" else cell.judged >= cell.accepted)
    }


@settings(max_examples=15)
@given(st.lists(CELLS, max_size=12))
def test_each_cell_is_judged_by_its_own_value_and_side(cells: list[AcceptedCell]) -> None:
    assert judge_accepted(cells) == expected(cells)


def test_without_cells_great_expectations_is_not_imported() -> None:
    code = (
        "import sys; from labelgate.expectations.accepted import judge_accepted;"
        "assert judge_accepted([]) == set();"
        "assert 'great_expectations' not in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(("asked", "sent"), [(None, "false"), ("true", "true")])
def test_statistics_are_sent_to_nobody_who_did_not_ask_for_it(asked: str | None, sent: str) -> None:
    code = "import os, labelgate.expectations; print(os.environ['GX_ANALYTICS_ENABLED'])"
    variables = {k: v for k, v in os.environ.items() if k != "GX_ANALYTICS_ENABLED"}
    variables |= {"GX_ANALYTICS_ENABLED": asked} if asked else {}
    run = subprocess.run(
        [sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, text=True, check=True
    )
    assert run.stdout.strip() == sent


def test_a_cell_that_no_expectation_judged_is_an_error_and_not_within() -> None:
    from labelgate.expectations import accepted

    suite = accepted.build_suite()
    suite.expectations = suite.expectations[:1]
    cells = [AcceptedCell(1.0, 2.0, "max"), AcceptedCell(2.0, 1.0, "min")]
    with (
        patch.object(accepted, "build_suite", lambda: suite),
        pytest.raises(RuntimeError) as told,
    ):
        judge_accepted(cells)
    assert str(told.value) == (
        "accepted cells were left out or judged twice: [1] of Counter({'max': 1, 'min': 1})"
    )


def test_an_expectation_that_raises_is_an_error_and_not_within() -> None:
    validate = judging.validate
    with (
        patch.object(
            judging, "validate", lambda rows, *a: validate(rows.drop(columns="judged"), *a)
        ),
        pytest.raises(RuntimeError, match="could not be evaluated"),
    ):
        judge_accepted([AcceptedCell(1.0, 2.0, "max")])


@pytest.mark.parametrize(
    ("low", "high", "value", "passed", "side"),
    [
        (None, 2.0, 3.0, False, "max"),
        (2.0, None, 1.0, False, "min"),
        (1.0, 2.0, 3.0, False, "max"),
        (1.0, 2.0, 0.0, False, "min"),
        (1.0, 1.0, 9.0, False, "max"),
        (1.0, 1.0, -9.0, False, "min"),
        (None, 2.0, 2.0, True, None),
        (None, 2.0, None, None, None),
    ],
)
def test_a_failing_cell_knows_its_side_of_the_limit(
    low: float | None, high: float | None, value: float | None, passed: bool | None, side: str
) -> None:
    row = Measurement("every_image_decodes", "cat", "val", value, 10)
    limit = read_limits(None).properties["every_image_decodes"]
    assert Verdict(row, limit, Bound(low, high, "x"), passed).side == side
