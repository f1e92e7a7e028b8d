"""The nearest other pictures vote: against a plain count, never for themselves, never twice."""

import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from labelgate.fixtures import neighbor_table
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.predictions import K, Predictions
from labelgate.fixtures.predictors.knn import NEIGHBORS, TEMPERATURE, find_voters, predict_knn, vote
from labelgate.fixtures.settings import LOCAL
from labelgate.fixtures.store import open_store

LayOut = Callable[[Mapping[str, int]], Any]
ASKED = types.SimpleNamespace(engine=LOCAL, device="cpu")


def silent(title: str, total: int | None) -> nullcontext[Callable[[int], None]]:
    return nullcontext(lambda done: None)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def at_angles(degrees: Sequence[float]) -> np.ndarray:
    angle = np.radians(degrees)
    return unit(np.stack([np.cos(angle), np.sin(angle)], axis=1))


@pytest.fixture
def predict(lay_out: LayOut, tmp_path: Path) -> Callable[..., Predictions]:
    """Lays images out and predicts them; their vectors are given in the order of sorted paths."""

    def run(pictures: Mapping[str, int], vectors: np.ndarray, store: str = "store") -> Predictions:
        dataset, pixels, distinct = lay_out(pictures)
        row = np.where(pixels.hashes.any(axis=1), np.arange(len(dataset.paths)), -1)
        found = Embeddings(vectors, row, "x", vectors.tobytes().hex()[:40], 0, 0.0)
        kept = open_store(tmp_path / store)
        voters = find_voters(pixels, distinct, found, kept, ASKED, silent)
        return predict_knn(dataset, distinct, found, voters)

    return run


def plain(
    vectors: np.ndarray, pictures: Sequence[int], labels: Sequence[int], classes: int
) -> list[list[int]]:
    """The same by loops over images; each picture stands once, or under one label per copy."""
    exact = vectors.astype(np.float64)
    found = []
    for own, vector in zip(pictures, exact, strict=True):
        others = [i for i, p in enumerate(pictures) if p != own and pictures.index(p) == i]
        others.sort(key=lambda i: (-round(float(exact[i] @ vector), 9), i))
        votes = np.zeros(classes)
        for i in others[:NEIGHBORS]:
            stands_under = {labels[j] for j, p in enumerate(pictures) if p == pictures[i]}
            length = np.linalg.norm(exact[i]) * np.linalg.norm(vector)
            weight = np.exp(float(exact[i] @ vector) / length / TEMPERATURE)
            for label in stands_under:
                votes[label] += weight / len(stands_under)
        order = [c for c in np.argsort(-votes, kind="stable").tolist() if votes[c] > 0]
        found.append((order + [-1] * K)[:K])
    return found


def test_the_nearest_neighbour_outweighs_two_farther_ones(
    predict: Callable[..., Predictions],
) -> None:
    found = predict(
        {"val/a/1": 1, "val/a/2": 2, "val/b/1": 3, "val/b/2": 4}, at_angles([0, 1, 30, 31])
    )
    assert found.top[:, 0].tolist() == [0, 0, 1, 1]
    assert found.top[0].tolist() == [0, 1, -1, -1, -1]
    weight = np.exp(np.cos(np.radians([1, 30, 31])) / TEMPERATURE)
    np.testing.assert_allclose(found.scores[0, 0], weight[0] / weight.sum(), rtol=0.02)
    assert found.scores[0, :2].sum() == pytest.approx(1)
    assert (found.predictor, found.vocabulary, found.reason) == ("knn", ("a", "b"), "")


def test_a_copy_of_an_image_never_votes_for_it(predict: Callable[..., Predictions]) -> None:
    pictures = {"train/a/1": 1, "val/a/1": 1, "val/b/1": 2, "val/b/2": 3}
    found = predict(pictures, at_angles([0, 0, 10, 20]))
    assert found.top[:2].tolist() == [[1, -1, -1, -1, -1]] * 2


def test_copies_of_another_image_have_one_vote(predict: Callable[..., Predictions]) -> None:
    pictures = {"val/a/1": 1, "val/a/2": 2, "val/b/1": 3, "val/b/2": 3, "val/b/3": 3}
    found = predict(pictures, at_angles([0, 10, -10.5, -10.5, -10.5]))
    assert found.top[0, 0] == 0


def test_a_picture_under_two_labels_divides_its_vote(predict: Callable[..., Predictions]) -> None:
    pictures = {"train/b/1": 2, "train/c/1": 2, "val/a/1": 1}
    found = predict(pictures, at_angles([10, 10, 0]))
    assert found.top[2].tolist() == [1, 2, -1, -1, -1]
    assert found.scores[2, :2].tolist() == [0.5, 0.5]


def test_images_without_label_or_pixels_neither_vote_nor_are_predicted(
    predict: Callable[..., Predictions],
) -> None:
    pictures = {"test/1": 9, "val/a/1": 1, "val/a/2": -1, "val/b/1": 3}
    found = predict(pictures, at_angles([0, 0, 0, 90]))
    assert found.top[:, 0].tolist() == [-1, 1, -1, 0]


def test_a_class_is_known_if_two_pictures_show_it(predict: Callable[..., Predictions]) -> None:
    pictures = {"train/a/1": 1, "train/b/1": 2, "train/b/2": 3, "train/c/1": 4, "val/c/1": 4}
    found = predict(pictures, at_angles([0, 10, 20, 30, 30]))
    assert found.knows.tolist() == [False, True, False]


def test_one_picture_has_nobody_who_votes(predict: Callable[..., Predictions]) -> None:
    found = predict({"val/a/1": 1}, at_angles([0]))
    assert (found.top.tolist(), found.knows.tolist()) == ([[-1] * K], [False])


def test_without_any_label_nothing_is_predicted(predict: Callable[..., Predictions]) -> None:
    found = predict({"test/1": 1, "test/2": 2}, at_angles([0, 10]))
    assert (found.top < 0).all()


def test_equal_votes_are_ranked_in_class_order() -> None:
    index = np.array([[2, 1], [0, -1], [-1, -1]])
    labels = csr_array(np.eye(3))
    top, scores = vote(index, np.array([[0.5, 0.5], [0.1, -np.inf], [-np.inf] * 2]), labels)
    assert top[:, :2].tolist() == [[1, 2], [0, -1], [-1, -1]]
    assert scores[:, 0].tolist() == [0.5, 1, -np.inf]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(0, 2**32 - 1),
)
def test_votes_are_those_of_a_plain_count(
    predict: Callable[..., Predictions], images: list[tuple[int, int]], seed: int
) -> None:
    pictures = {f"val/{label}/{n:02d}": picture for n, (picture, label) in enumerate(images)}
    rows = [(pictures[path], int(path.split("/")[1])) for path in sorted(pictures)]
    names = sorted({label for _, label in rows})
    own = unit(np.random.default_rng(seed).normal(size=(31, 16)))
    vectors = own[[picture for picture, _ in rows]]
    found = predict(pictures, vectors, f"store{seed}")
    labels = [names.index(label) for _, label in rows]
    assert found.top.tolist() == plain(vectors, [p for p, _ in rows], labels, len(names))


def test_a_second_run_seeks_no_neighbours_even_under_other_labels(
    predict: Callable[..., Predictions], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = at_angles([0, 1, 30, 31])
    before = predict({"val/a/1": 1, "val/a/2": 2, "val/b/1": 3, "val/b/2": 4}, vectors)
    monkeypatch.setattr(neighbor_table, "nearest_others", None)
    again = predict({"val/a/1": 1, "val/a/2": 2, "val/b/1": 3, "val/b/2": 4}, vectors)
    np.testing.assert_array_equal(again.top, before.top)
    np.testing.assert_array_equal(again.scores, before.scores)
    relabelled = predict({"val/a/1": 1, "val/b/2": 2, "val/b/3": 3, "val/b/4": 4}, vectors)
    assert relabelled.top[0].tolist() == [1, -1, -1, -1, -1]


def test_other_pictures_or_vectors_are_sought_anew(
    predict: Callable[..., Predictions], monkeypatch: pytest.MonkeyPatch
) -> None:
    predict({"val/a/1": 1, "val/a/2": 2}, at_angles([0, 1]))
    monkeypatch.setattr(neighbor_table, "nearest_others", None)
    with pytest.raises(TypeError):
        predict({"val/a/1": 1, "val/a/2": 5}, at_angles([0, 1]))
    with pytest.raises(TypeError):
        predict({"val/a/1": 1, "val/a/2": 2}, at_angles([0, 2]))
