"""Statistics: bounds, corrections and effective numbers against published values and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest, hypergeom

from labelgate.fixtures.statistics import (
    bound_left,
    bound_rest,
    clopper_pearson,
    cohen_kappa,
    control_false_discoveries,
    effective_number,
    negatives_needed,
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


# --- stopping and agreement ---------------------------------------------------------------------


@given(st.integers(0, 5_000), st.floats(0.5, 0.999))
def test_the_bound_of_the_rest_is_clopper_pearson_of_no_success(m: int, level: float) -> None:
    assert bound_rest(m, level) == pytest.approx(clopper_pearson(0, m, level, "high")[1].item())
    if m:
        assert binom.pmf(0, m, bound_rest(m, level)) == pytest.approx(1 - level)


@pytest.mark.parametrize(
    ("share", "level", "needed"),
    [(0.05, 0.95, 59), (0.01, 0.95, 299), (0.1, 0.9, 22), (0.02, 0.99, 228), (0.9, 0.5, 1)],
)
def test_so_many_negatives_in_a_row_are_needed(share: float, level: float, needed: int) -> None:
    assert negatives_needed(share, level) == needed
    assert bound_rest(needed, level) <= share < bound_rest(needed - 1, level)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.5, 0.995))
def test_the_bound_of_the_number_left_is_hypergeometric(m: int, left: int, level: float) -> None:
    def chance(positives: int) -> float:
        return float(hypergeom.pmf(0, m + left, positives, m)) if m else 1.0

    found = bound_left(m, left, level)
    assert chance(found) > 1 - level - 1e-12
    assert found == left or chance(found + 1) <= 1 - level + 1e-12


def test_few_that_are_left_cannot_hold_many() -> None:
    assert bound_left(0, 7, 0.95) == 7
    assert bound_left(59, 0, 0.95) == 0
    assert bound_left(59, 100, 0.95) == 6
    assert bound_left(59, 10**6, 0.95) == pytest.approx(10**6 * bound_rest(59, 0.95), rel=1e-3)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=1))
def test_kappa_is_that_of_scikit_learn(answers: list[tuple[str, str]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    a, b = zip(*answers, strict=True)
    if len({*a, *b}) == 1:
        assert np.isnan(cohen_kappa(a, b))
    else:
        assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))


def test_kappa_of_nothing_is_not_defined() -> None:
    assert np.isnan(cohen_kappa([], []))
