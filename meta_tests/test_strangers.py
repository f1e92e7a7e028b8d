"""Strangers: pairs that people told apart, few of them real copies, and stable ones."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from declared import sources_by_path
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelgate.fixtures.declarations import Review
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.reviews import settle_reviews
from labelgate.fixtures.strangers import STRANGERS, draw_strangers

LayOut = Callable[[Mapping[str, int]], Any]


def vectors_of(numbers: NDArray[np.int64]) -> NDArray[np.float16]:
    """A vector for each number, at random and always the same."""
    vectors = np.stack([np.random.default_rng(number).normal(size=16) for number in numbers])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture(scope="session")
def strangers_of(lay_out: LayOut) -> Callable[..., set[frozenset[int]]]:
    """The strangers of a scene, as pairs of its numbers; equal numbers are equal pixels."""

    def draw(
        scene: Mapping[str, int],
        *said: tuple[str, str, str],
        sources: dict[str, str] | None = None,
        vector: Callable[[int], int] = int,
        without: int = -1,
    ) -> set[frozenset[int]]:
        dataset, pixels, pictures = lay_out(scene)
        given = [Review(a, b, kind, f"{i}", "2026-01-01") for i, (a, b, kind) in enumerate(said)]
        declared = None if sources is None else sources_by_path(dataset, sources)
        dataset = replace(dataset, sources=declared, reviews=tuple(given))
        numbers = np.array([scene[path] for path in dataset.paths])
        rows = np.where(numbers == without, -1, np.arange(len(numbers)))
        vectors = vectors_of(np.array([vector(int(number)) for number in np.maximum(numbers, 0)]))
        embeddings = Embeddings(vectors, rows, "", "", 0, 0.0)
        reviews = settle_reviews(dataset, pictures)
        pairs = draw_strangers(dataset, pixels, pictures, embeddings, reviews)
        assert np.array_equal(pairs, np.unique(np.sort(pairs, axis=1), axis=0))
        assert set(pairs.ravel().tolist()) <= set(pictures.identity.tolist())
        return {frozenset(pair) for pair in numbers[pairs].tolist()}

    return draw


Draw = Callable[..., set[frozenset[int]]]


def two_classes(n: int) -> dict[str, int]:
    return {f"train/{'ab'[i % 2]}/{i}": i for i in range(n)}


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(("train/a", "train/b", "val/a", "test")), st.integers(0, 6)),
        st.integers(0, 12),
        min_size=1,
    )
)
def test_strangers_stand_under_one_label_each_and_not_the_same(
    strangers_of: Draw, scene: dict[tuple[str, int], int]
) -> None:
    labels: dict[int, set[str]] = {}
    for (folder, _), number in scene.items():
        labels.setdefault(number, set()).update(folder.split("/")[1:])
    pairs = strangers_of({f"{folder}/{n}": number for (folder, n), number in scene.items()})
    for one, other in map(tuple, pairs):
        assert len(labels[one]) == len(labels[other]) == 1
        assert labels[one] != labels[other]


@pytest.mark.parametrize(
    "scene",
    [
        {"train/a/1": 1},
        {"train/a/1": 1, "train/b/1": 1},
        {"train/a/1": 1, "train/a/2": 2, "val/a/3": 3},
        {"test/1": 1, "test/2": 2, "train/a/1": 3},
    ],
    ids=["one picture", "one picture under two labels", "one label", "no other label"],
)
def test_without_two_labels_nothing_is_known_to_be_different(
    strangers_of: Draw, scene: dict[str, int]
) -> None:
    assert strangers_of(scene) == set()


def test_pictures_without_a_vector_are_no_strangers(strangers_of: Draw) -> None:
    pairs = strangers_of(two_classes(12), without=7)
    assert len(pairs) > 10
    assert not any(7 in pair for pair in pairs)


def test_what_a_review_calls_near_is_not_known_to_be_different(strangers_of: Draw) -> None:
    scene = two_classes(6)
    a, b, c = "train/a/0", "train/b/1", "train/a/2"
    assert strangers_of(scene) >= {frozenset({0, 1}), frozenset({1, 2})}
    assert frozenset({0, 1}) not in strangers_of(scene, (a, b, "augmentation"))
    assert frozenset({0, 1}) in strangers_of(scene, (a, b, "different"))
    through = strangers_of(
        scene, (a, "train/a/4", "similar_view"), ("train/a/4", b, "similar_view")
    )
    assert frozenset({0, 1}) not in through
    disputed = strangers_of(scene, (b, c, "different"), (b, c, "augmentation"))
    assert frozenset({1, 2}) not in disputed


def test_pictures_of_one_declared_source_are_not_known_to_be_different(strangers_of: Draw) -> None:
    films = {"train/a/0": "film", "train/b/1": "film", "train/a/2": "other", "train/b/3": "fourth"}
    pairs = strangers_of(two_classes(6), sources=films)
    assert frozenset({0, 1}) not in pairs
    assert frozenset({2, 3}) in pairs


@pytest.mark.parametrize(
    ("n", "least"), [(20, 70), (40, 250), (100, 400), (1_000, 490), (3_000, 490)]
)
def test_there_are_five_hundred_of_them_and_fewer_of_few_pictures(
    strangers_of: Draw, n: int, least: int
) -> None:
    assert least <= len(strangers_of(two_classes(n))) <= STRANGERS


@settings(deadline=None, max_examples=25)
@given(n=st.integers(60, 160), first=st.integers(0, 10**6), added=st.integers(10**7, 10**8))
def test_an_added_picture_changes_few_pairs_and_another_name_none(
    strangers_of: Draw, n: int, first: int, added: int
) -> None:
    scene = {f"train/{'abc'[i % 3]}/{i}": first + i for i in range(n)}
    before = strangers_of(scene)
    assert strangers_of({f"val/{path[6]}/{-i}": i for path, i in scene.items()}) == before
    after = strangers_of(scene | {"train/a/new": added})
    assert len(before - after) <= len(before) // 10
    assert len(after - before) <= len(before) // 10


@pytest.mark.parametrize("n", [60, 100, 300, 1_000, 3_000])
def test_real_copies_under_another_label_hardly_ever_get_among_them(
    strangers_of: Draw, n: int
) -> None:
    copied = n // 20
    scene = two_classes(n) | {f"train/{'ba'[i % 2]}/copy {i}": 10**6 + i for i in range(copied)}
    pairs = strangers_of(scene, vector=lambda number: number % 10**6)
    drawn = [pair for pair in pairs if frozenset({max(pair) - 10**6}) < pair]
    assert len(drawn) <= 3, "a dataset with duplicates must not be accused of false alarms"


def test_of_many_pictures_they_are_hard_to_tell_apart(strangers_of: Draw) -> None:
    numbers = np.arange(1_000)
    vectors = vectors_of(numbers).astype(np.float64)
    pairs = np.array([sorted(pair) for pair in strangers_of(two_classes(1_000))])
    alike = (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(axis=1)
    random = (vectors @ vectors.T)[np.triu_indices(1_000, 1)]
    assert (random[:, None] < alike).mean() > 0.88
