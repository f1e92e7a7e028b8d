"""Calibration: recall of planted copies by alteration, and strangers that must not be copies."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelgate.expectations.judge import judge
from labelgate.expectations.limits import Bound
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.calibration import Calibration
from labelgate.fixtures.dataset import SplitNames, assemble
from labelgate.fixtures.measurements import Measurement, Measurements
from labelgate.fixtures.planted_copies import PlantedCopies
from labelgate.fixtures.proposals import K
from labelgate.fixtures.strangers import Strangers
from labelgate.fixtures.tau import Tau

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports

DATASET = assemble("memory", Path("/"), [SplitNames("a", [f"a/{i:03}" for i in range(600)], None)])
A = len(ALTERATIONS)
FOUND, FALSE = "planted_copies_are_found", "strangers_are_not_called_copies"


def planted(q: int = 100, distance: float = 0.1) -> PlantedCopies:
    """Copies that are all found at tau = 0.1."""
    shape = A, q
    return PlantedCopies(
        np.arange(q),
        np.full(shape, distance, np.float32),
        np.full(shape, K - 1),
        np.full(shape, "augmentation"),
    )


def calibration(
    copies: PlantedCopies | None, wrong: int = 0, total: int = 500, tau: float = 0.1
) -> Calibration:
    pairs = np.stack([np.arange(total), np.arange(total) + 1], axis=1)
    kinds = np.array(["augmentation"] * wrong + ["different"] * (total - wrong), "<U12")
    return Calibration(DATASET, copies, Strangers(pairs, kinds), Tau(tau, "a test"), 0.95)


def row_of(found: Calibration, name: str) -> Measurement:
    (row,) = (row for row in found.measurements() if row.subject == name)
    return row


# --- recall -------------------------------------------------------------------------------------


def test_each_alteration_has_a_row_and_strangers_have_one() -> None:
    rows = list(calibration(planted()).measurements())
    expected = [(FOUND, how.name, "") for how in ALTERATIONS] + [(FALSE, "dataset", "")]
    assert [(row.property, row.subject, row.split) for row in rows] == expected
    assert [row.value for row in rows] == [1.0] * A + [0.0]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"distance": 0.1001}, "3 not proposed, 0 not recognised"),
        ({"nearer": K}, "3 not proposed, 0 not recognised"),
        ({"kind": "different"}, "0 not proposed, 3 not recognised"),
        ({"kind": "similar_view"}, "0 not proposed, 3 not recognised"),
        ({"kind": "different", "nearer": K}, "3 not proposed, 0 not recognised"),
    ],
)
def test_a_copy_is_found_if_it_is_proposed_and_recognised(
    change: dict[str, Any], note: str
) -> None:
    copies = planted()
    for name, value in change.items():
        getattr(copies, name)[4, [7, 8, 50]] = value
    told = calibration(copies)
    row = row_of(told, ALTERATIONS[4].name)
    assert (row.value, row.n, row.note) == (0.97, 100, note)
    assert row.examples == [[7], [8], [50]]
    assert row.judged == row.high
    assert row_of(told, ALTERATIONS[3].name).value == 1.0
    assert dict(told.figures())["share of them that is found"] == round(1 - 3 / (100 * A), 4)


@pytest.mark.parametrize("kind", ["exact", "augmentation"])
def test_a_copy_just_within_tau_and_just_among_the_nearest_is_found(kind: str) -> None:
    copies = planted()
    copies.kind[:] = kind
    copies.distance[:] = np.float32(0.1)
    assert {row.value for row in calibration(copies).measurements()} == {1.0, 0.0}


def passed(row: Measurement, bound: Bound | None = None) -> bool | None:
    """The judge's verdict about one row, by the built-in limit or another one."""
    limits = read_limits(None)
    limit = limits.properties[row.property]
    if bound is not None:
        limits = replace(limits, properties={limit.property: replace(limit, bounds=(bound,))})
    (verdict,) = judge(Measurements((row,), {}, (), {}), limits).verdicts
    return verdict.passed


@pytest.mark.parametrize(("lost", "passes"), [(10, True), (16, True), (17, False), (100, False)])
def test_a_recall_fails_when_even_its_upper_bound_is_below_the_limit(
    lost: int, passes: bool
) -> None:
    copies = planted()
    copies.nearer[0, :lost] = K
    assert passed(row_of(calibration(copies), ALTERATIONS[0].name)) is passes


@pytest.mark.parametrize(("step", "passes"), [(-1, True), (0, True), (1, False)])
def test_a_recall_just_below_its_limit_fails_and_at_its_limit_passes(
    step: int, passes: bool
) -> None:
    copies = planted()
    copies.kind[2, :20] = "different"
    row = row_of(calibration(copies), ALTERATIONS[2].name)
    assert row.judged is not None
    assert passed(row, Bound(row.judged + step * 1e-12, None, "a test")) is passes


@pytest.mark.parametrize(("lost", "passes"), [(60, True), (61, False)])
def test_the_crop_that_loses_most_has_a_limit_of_its_own(lost: int, passes: bool) -> None:
    copies = planted()
    number = [how.name for how in ALTERATIONS].index("crop to 60 %")
    copies.kind[number, :lost] = "different"
    assert passed(row_of(calibration(copies), "crop to 60 %")) is passes


def test_each_lost_copy_is_told_of_under_its_original() -> None:
    copies = planted()
    copies.nearer[4, 7], copies.kind[4, 50] = K, "similar_view"
    row = row_of(calibration(copies), ALTERATIONS[4].name)
    assert row.examples == [[7], [50]]
    assert row.captions == [
        f"its copy: distance 0.100, {K} pictures nearer, aligned as augmentation",
        f"its copy: distance 0.100, {K - 1} pictures nearer, aligned as similar view",
    ]


def test_every_copy_is_in_the_evidence() -> None:
    copies = planted(3)
    copies.nearer[1, 2] = K
    table = calibration(copies).evidence()["planted_copies.csv"]
    lost = table[~table["found"]].to_numpy().tolist()
    assert len(table) == 3 * A
    assert list(table) == ["alteration", "path", "distance", "nearer", "kind", "found"]
    assert lost == [[ALTERATIONS[1].name, "a/002", pytest.approx(0.1), K, "augmentation", False]]


def test_without_an_encoder_recall_is_not_measured_and_strangers_are() -> None:
    told = calibration(None)
    for row in list(told.measurements())[:A]:
        assert row.value is None
        assert row.reason == "this embedder cannot encode new pictures"
    assert row_of(told, "dataset").value == 0.0
    (table,) = told.evidence().values()
    assert len(table) == 0
    assert dict(told.figures()) == {"tau, cosine distance": 0.1, "tau comes from": "a test"}


def test_without_a_picture_nothing_is_measured_and_nothing_breaks() -> None:
    told = calibration(planted(0), total=0)
    assert all(row.value is None and row.reason for row in told.measurements())
    assert told.evidence()["calibration.csv"]["copies"].sum() == 0
    assert dict(told.figures())["planted copies"] == 0


def test_the_table_counts_what_became_of_the_copies() -> None:
    copies = planted(10)
    copies.nearer[0, :2] = K
    copies.kind[0, 2] = "different"
    copies.kind[0, 3:6] = "similar_view"
    copies.kind[0, :2] = "similar_view"
    first = calibration(copies).evidence()["calibration.csv"].iloc[0].tolist()
    assert first == [ALTERATIONS[0].name, 10, 8, 4, 3]


# --- strangers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "passes"), [(0, True), (1, True), (3, True), (4, False)])
def test_false_alarms_fail_when_even_their_lower_bound_is_over_the_limit(
    wrong: int, passes: bool
) -> None:
    row = row_of(calibration(planted(), wrong), "dataset")
    assert passed(row) is passes
    assert (row.value, row.judged) == (wrong / 500, row.low)
    assert row.examples == [[i, i + 1] for i in range(wrong)]


@pytest.mark.parametrize(("step", "passes"), [(-1, False), (0, True), (1, True)])
def test_false_alarms_just_over_their_limit_fail_and_at_their_limit_pass(
    step: int, passes: bool
) -> None:
    row = row_of(calibration(planted(), 9), "dataset")
    assert row.judged is not None
    assert passed(row, Bound(None, row.judged + step * 1e-12, "a test")) is passes
