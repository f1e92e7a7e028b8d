"""Calibration: recall of planted copies by alteration, and strangers that must not be copies."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.calibration import STRANGERS, Calibration, Strangers, draw_strangers
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.measurements import Measurement
from labelgate.fixtures.pictures import Pictures
from labelgate.fixtures.planted_copies import PlantedCopies
from labelgate.fixtures.proposals import K
from labelgate.fixtures.tau import Tau

LayOut = Callable[[dict[str, int]], Any]
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
    return Calibration(copies, Strangers(pairs, kinds), Tau(tau, "a test"), 0.95)


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


@pytest.mark.parametrize(("lost", "fails"), [(10, False), (16, False), (17, True), (100, True)])
def test_a_recall_fails_when_even_its_upper_bound_is_below_the_limit(
    lost: int, fails: bool
) -> None:
    copies = planted()
    copies.nearer[0, :lost] = K
    row = row_of(calibration(copies), ALTERATIONS[0].name)
    limit = read_limits(None).properties[FOUND].bounds[0].low
    assert limit is not None
    assert row.judged is not None
    assert (row.judged < limit) is fails


def test_without_an_encoder_recall_is_not_measured_and_strangers_are() -> None:
    told = calibration(None)
    for row in list(told.measurements())[:A]:
        assert row.value is None
        assert row.reason == "this embedder cannot encode new pictures"
    assert row_of(told, "dataset").value == 0.0
    assert len(told.evidence()["calibration.csv"]) == 0
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


@pytest.mark.parametrize(("wrong", "fails"), [(0, False), (1, False), (3, False), (4, True)])
def test_false_alarms_fail_when_even_their_lower_bound_is_over_the_limit(
    wrong: int, fails: bool
) -> None:
    row = row_of(calibration(planted(), wrong), "dataset")
    limit = read_limits(None).properties[FALSE].bounds[0].high
    assert row.value == wrong / 500
    assert row.judged == row.low
    assert limit is not None
    assert row.low is not None
    assert (row.low > limit) is fails
    assert row.examples == [[i, i + 1] for i in range(wrong)]


def vectors_of(scene: dict[str, int], seed: int = 0) -> Embeddings:
    vectors = np.random.default_rng(seed).normal(size=(1 + max(scene.values()), 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    row = np.array([scene[path] for path in sorted(scene)])
    return Embeddings(vectors.astype(np.float16), row, "", "", 0, 0.0)


def labels_of(pictures: Pictures, picture: int) -> set[int]:
    return {int(label) for label in pictures.label[pictures.identity == picture]}


@settings(deadline=None, max_examples=40)
@given(
    scene=st.dictionaries(
        st.tuples(st.sampled_from(("train/a", "train/b", "val/a", "test")), st.integers(0, 6)),
        st.integers(0, 12),
        min_size=1,
    )
)
def test_strangers_have_other_labels_and_other_pixels(
    lay_out: LayOut, scene: dict[tuple[str, int], int]
) -> None:
    images = {f"{folder}/{n}": number for (folder, n), number in scene.items()}
    pictures, embeddings = lay_out(images)[2], vectors_of(images)
    pairs = draw_strangers(pictures, embeddings)
    assert np.array_equal(pairs, draw_strangers(pictures, embeddings))
    assert np.array_equal(pairs, np.unique(pairs, axis=0))
    assert len(pairs) <= STRANGERS
    labelled = {int(label) for label in pictures.label} - {-1}
    for a, b in pairs.tolist():
        assert a < b
        assert {a, b} <= set(pictures.identity.tolist())
        if len(labelled) > 1:
            assert (
                labels_of(pictures, a) - {-1} != labels_of(pictures, b) - {-1}
                or len(labels_of(pictures, a)) > 1
            )


@pytest.mark.parametrize("folders", [("test",), ("train/a",), ("test", "train/a")])
def test_with_one_label_or_none_any_two_pictures_are_strangers(
    lay_out: LayOut, folders: tuple[str, ...]
) -> None:
    images = {f"{folder}/{i}": 10 * n + i for n, folder in enumerate(folders) for i in range(4)}
    pairs = draw_strangers(lay_out(images)[2], vectors_of(images))
    count = 4 * len(folders)
    assert len(pairs) > count / 2
    assert (pairs[:, 0] < pairs[:, 1]).all()


@pytest.mark.parametrize("images", [{"train/a/1": 1}, {"train/a/1": 1, "train/b/1": 1}])
def test_one_picture_has_no_strangers(lay_out: LayOut, images: dict[str, int]) -> None:
    assert draw_strangers(lay_out(images)[2], vectors_of(images)).shape == (0, 2)


def test_pictures_without_a_vector_are_no_strangers(lay_out: LayOut) -> None:
    images = {f"train/{label}/{i}": i + 5 * n for n, label in enumerate("ab") for i in range(5)}
    embeddings = vectors_of(images)
    embeddings = replace(embeddings, row=np.where(embeddings.row == 7, -1, embeddings.row))
    pairs = draw_strangers(lay_out(images)[2], embeddings)
    assert 7 not in pairs
    assert len(pairs) > 0
