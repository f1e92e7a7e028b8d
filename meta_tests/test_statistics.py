"""Statistics: bounds, corrections and effective numbers against published values and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest

from labelgate.fixtures.statistics import (
    clopper_pearson,
    control_false_discoveries,
    effective_number,
)

counts = st.integers(0, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999])


def test_the_planetarium_has_its_published_bounds() -> None:
    low, high = clopper_pearson(34, 50, 0.95)  # DESIGN.md shows 0.53 and 0.80
    assert (round(float(low), 4), round(float(high), 4)) == (0.5330, 0.8048)


def test_no_success_in_ten_has_the_known_upper_bounds() -> None:
    assert clopper_pearson(0, 10, 0.95)[1] == pytest.approx(0.3084971)  # 1 - 0.025**0.1
    assert clopper_pearson(0, 10, 0.95, "high")[1] == pytest.approx(1 - 0.05**0.1)
    assert clopper_pearson(10, 10, 0.95, "low")[0] == pytest.approx(0.05**0.1)


@settings(max_examples=60, deadline=None)
@given(counts, levels)
def test_two_sided_bounds_are_those_of_binomtest(count: tuple[int, int], level: float) -> None:
    low, high = clopper_pearson(*count, level)
    if count[1] == 0:
        assert (low, high) == (0, 1)
        return
    expected = binomtest(*count).proportion_ci(level, "exact")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(counts, levels)
def test_one_sided_bounds_are_those_of_binomtest(count: tuple[int, int], level: float) -> None:
    if count[1] == 0:
        assert clopper_pearson(*count, level, "low") == clopper_pearson(*count, level, "high")
        return
    low = binomtest(*count, alternative="greater").proportion_ci(level, "exact")
    high = binomtest(*count, alternative="less").proportion_ci(level, "exact")
    assert clopper_pearson(*count, level, "low") == pytest.approx((low.low, 1), abs=1e-9)
    assert clopper_pearson(*count, level, "high") == pytest.approx((0, high.high), abs=1e-9)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.5, 0.98])
def test_the_interval_holds_the_rate_as_often_as_it_says(rate: float) -> None:
    n = 40
    low, high = clopper_pearson(np.arange(n + 1), n, 0.95)
    covered = (low <= rate) & (rate <= high)
    assert binom.pmf(np.arange(n + 1), n, rate)[covered].sum() >= 0.95


def test_bounds_of_many_classes_come_at_once() -> None:
    hits = np.array([[0, 1], [25, 50]])
    low, high = clopper_pearson(hits, 50, 0.9)
    assert low.shape == high.shape == (2, 2)
    assert (low[0, 0], high[1, 1]) == (0, 1)
    assert low[1, 0] == pytest.approx(beta.ppf(0.05, 25, 26))
    assert clopper_pearson([], [], 0.9)[0].shape == (0,)


@pytest.mark.parametrize(
    ("hits", "n", "level"),
    [(2, 1, 0.9), (-1, 5, 0.9), (0.5, 5, 0.9), (np.nan, 5, 0.9), (1, 5, 0), (1, 5, 1), (1, 5, 95)],
)
def test_impossible_counts_and_levels_are_refused(hits: float, n: int, level: float) -> None:
    with pytest.raises(ValueError, match=r"expected a number|whole numbers"):
        clopper_pearson(hits, n, level)


def test_the_correction_finds_what_its_authors_found() -> None:
    p = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
    ]
    q = control_false_discoveries(p)  # Benjamini and Hochberg (1995), section 3.2: four rejections
    assert (q <= 0.05).sum() == 4
    assert q[3] == pytest.approx(15 / 4 * 0.0095)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=30))
def test_a_correction_never_helps_and_keeps_the_order(p: list[float]) -> None:
    q = control_false_discoveries(p)
    assert (q >= np.array(p)).all()
    assert (q <= 1).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= 0).all()


def test_what_is_no_probability_is_not_corrected() -> None:
    with pytest.raises(ValueError, match="p"):
        control_false_discoveries([0.5, np.nan])
    with pytest.raises(ValueError, match="p"):
        control_false_discoveries([0.5, 1.1])


def test_effective_numbers_are_the_known_ones() -> None:
    assert effective_number([30] * 7) == pytest.approx(7)  # GTSRB: 210 images of seven signs
    assert effective_number([5]) == 1
    assert effective_number([2, 1, 1]) == pytest.approx(2**1.5)
    assert effective_number([]) == effective_number([0, 0]) == 0
    with pytest.raises(ValueError, match="negative"):
        effective_number([3, -1])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30), st.integers(1, 9))
def test_effective_numbers_do_not_depend_on_unit_or_order(sizes: list[int], unit: int) -> None:
    number = effective_number(sizes)
    there = sum(size > 0 for size in sizes)
    assert (1 - 1e-9 if there else 0) <= number <= there + 1e-9
    assert effective_number([unit * size for size in sizes[::-1]]) == pytest.approx(number)
    assert effective_number([*sizes, 0]) == number
