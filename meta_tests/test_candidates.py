"""What people are asked: every finding once, the most suspicious first, nothing left out untold."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labelgate.fixtures import candidate_kinds as module
from labelgate.fixtures import edges
from labelgate.fixtures.candidate_kinds import (
    Candidate,
    choose_listed,
    find_changes,
    find_conflicts,
    find_errors,
    find_near,
    find_sources,
)
from labelgate.fixtures.candidates import Candidates, tell_reviews
from labelgate.fixtures.changes import compare_releases
from labelgate.fixtures.confident_learning import Doubts
from labelgate.fixtures.declarations import Review
from labelgate.fixtures.exact_duplicates import ExactDuplicates, propose_groups
from labelgate.fixtures.inventory import COLUMNS, list_images, take_inventory
from labelgate.fixtures.label_errors import LabelErrors
from labelgate.fixtures.near_duplicates import NearDuplicates
from labelgate.fixtures.near_pairs import DIFFERENT, NearPairs
from labelgate.fixtures.reviews import settle_labels
from labelgate.fixtures.sources import Sources
from labelgate.fixtures.sources import find_sources as connect_sources
from labelgate.fixtures.transforms import describe

LayOut = Callable[[dict[str, int]], Any]

SCENE = {f"train/a/{i}": i for i in range(6)} | {"val/a/0": 10, "val/b/1": 1}
KINDS = {
    (0, 1): ("similar_view", 0.7),
    (0, 2): ("augmentation", 0.6),
    (1, 3): (DIFFERENT, 0.99),
    (4, 5): ("augmentation", np.nan),
    (5, 10): (DIFFERENT, 0.4),
}


@pytest.fixture
def near(lay_out: LayOut) -> NearDuplicates:
    dataset, _, pictures = lay_out(SCENE)
    numbers = [SCENE[path] for path in dataset.paths]
    ends = {pair: tuple(map(numbers.index, pair)) for pair in KINDS}
    order = sorted(KINDS, key=lambda pair: ends[pair])
    kind, similarity = zip(*(KINDS[pair] for pair in order), strict=True)
    laid = describe(np.diag([2.0, 2.0, 1.0]), 1, 1, 1, "")
    pairs = NearPairs(
        *(np.array([ends[pair] for pair in order]), np.array(similarity, np.float32)),
        *(np.array(kind, "<U12"), np.full(len(order), 0.5, np.float32)),
        *({0: laid}, [""] * len(order), {4: "the file is gone"}, {}, 0, 0.5),
    )
    spread = edges.spread(pictures, pairs.pairs)
    chosen = spread.chosen(pairs.kind[spread.pair] != DIFFERENT)
    return NearDuplicates(dataset, pictures, pairs, chosen, 0, 0.95)


def named(near: NearDuplicates, found: list[Candidate]) -> list[tuple[str, ...]]:
    return [tuple(near.dataset.paths[image] for image in each.images) for each in found]


def test_pairs_come_by_what_the_machine_says_and_then_by_similarity(near: NearDuplicates) -> None:
    found, unlisted = find_near(near, set())
    assert unlisted == 0
    assert named(near, found) == [
        ("train/a/4", "train/a/5"),  # people proposed it
        ("train/a/0", "train/a/1"),
        ("train/a/0", "train/a/2"),
        ("train/a/1", "train/a/3"),
        ("train/a/5", "val/a/0"),
    ]
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    edge = found[1].edges[0]
    assert (edge.kind, edge.matrix) == ("similar_view", (2, 0, 0, 0, 2, 0))
    assert found[3].edges[0].matrix is None
    assert found[4].said == "could not be compared: the file is gone"


def test_what_is_not_listed_is_less_suspicious_and_is_counted(
    near: NearDuplicates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTED", 2)
    found, unlisted = find_near(near, set())
    assert (len(found), unlisted) == (2, 3)
    again, left = find_near(near, {tuple(sorted(each.images)) for each in found})
    assert (named(near, again[:2]), len(again), left) == (named(near, found), 4, 1)


def test_all_decided_candidates_stay_listed_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LISTED", 1)
    decided = np.array([True, False, False, True])
    assert choose_listed(decided).tolist() == [0, 1, 3]
    assert choose_listed(np.zeros(0, np.bool_)).tolist() == []


def test_a_source_is_asked_with_the_pairs_that_join_it_the_largest_first(
    near: NearDuplicates,
) -> None:
    sources = Sources(near.dataset, connect_sources(near.pictures, near), None, 0.95, 1)
    found, unlisted = find_sources(sources, near)
    assert unlisted == 0
    assert named(near, found) == [
        ("train/a/0", "train/a/1", "train/a/2"),
        ("train/a/4", "train/a/5"),
    ]
    assert [len(each.edges) for each in found] == [2, 1]
    assert found[0].said == "3 images of one source, a in train, joined by 2 pairs"


def test_without_near_duplicates_no_source_is_asked_about(near: NearDuplicates) -> None:
    alone = replace(near, edges=near.edges.chosen(np.zeros(len(near.edges.pair), np.bool_)))
    sources = Sources(near.dataset, connect_sources(near.pictures, alone), None, 0.95, 1)
    assert find_sources(sources, alone) == ([], 0)


def test_a_source_of_images_without_a_label_says_so(lay_out: LayOut) -> None:
    dataset, _, pictures = lay_out({"test/1": 1, "test/2": 2})
    numbers = np.array([0.9], np.float32), np.array([0.5], np.float32)
    kind = np.array(["augmentation"])
    pairs = NearPairs(np.array([[0, 1]]), numbers[0], kind, numbers[1], {}, [""], {}, {}, 0, 0.5)
    near = NearDuplicates(dataset, pictures, pairs, edges.spread(pictures, pairs.pairs), 0, 0.95)
    sources = Sources(dataset, connect_sources(pictures, near), None, 0.95, 1)
    ((found,), _) = find_sources(sources, near)
    assert found.said == "2 images of one source, unlabelled in test, joined by 1 pairs"


def test_conflicts_are_identical_pixels_under_several_labels(lay_out: LayOut) -> None:
    scene = {"train/a/1": 1, "train/b/1": 1, "train/b/2": 1, "train/a/3": 3, "train/a/4": 3}
    dataset, pixels, _ = lay_out(scene | {"train/a/5": 5, "train/b/5": 5, "train/c/5": 5})
    exact = ExactDuplicates(dataset, propose_groups(pixels.hashes))
    found, unlisted = find_conflicts(exact)
    assert unlisted == 0
    assert [each.suggested for each in found] == [("a", "b", "c"), ("b", "a")]
    assert [len(each.images) for each in found] == [3, 3]


def test_errors_come_with_the_least_likely_label_first_and_each_image_once(
    lay_out: LayOut,
) -> None:
    dataset, _, _ = lay_out({f"train/{c}/{i}": i + ord(c) * 10 for c in "abc" for i in range(4)})

    def doubts(name: str, confidence: dict[int, float], best: int) -> Doubts:
        n, places = len(dataset.paths), list(confidence)
        doubted, classes = np.zeros(n, np.bool_), dataset.label_index.copy()
        doubted[places], classes[places] = True, best
        values = np.ones(n, np.float32)
        values[places] = list(confidence.values())
        return Doubts(name, np.arange(n), doubted, classes, values, values)

    two = doubts("net", {0: 0.2, 1: 0.1}, 1), doubts("knn", {1: 0.05}, 2)
    errors = LabelErrors(dataset, two, settle_labels(dataset), 0.95, 1, 1.0, 0.6)
    found, unlisted = find_errors(errors, set())
    assert unlisted == 0
    assert [(each.images, each.suggested) for each in found] == [((1,), ("c", "b")), ((0,), ("b",))]
    assert found[0].said == "knn: rather c (0.05 for its label); net: rather b (0.1 for its label)"
    nobody = replace(errors, least_agreement=1.0)
    assert find_errors(nobody, set()) == ([], 0)


def test_reviews_of_copies_are_told_by_the_paths_of_the_candidates(near: NearDuplicates) -> None:
    rows = (
        Review("val/b/1", "train/a/0", "different", "ann", "2026-01-01"),  # a copy of train/a/1
        Review("val/b/1", "", "label", "ann", "2026-01-01", "a"),
        Review("gone", "train/a/0", "different", "ann", "2026-01-01"),
    )
    told = list(tell_reviews(replace(near.dataset, reviews=rows), near))
    assert told == [
        rows[1],
        Review("train/a/0", "train/a/1", "different", "ann", "2026-01-01"),
    ]


def test_a_kind_without_candidates_is_not_asked_about(near: NearDuplicates) -> None:
    found = Candidates(near.dataset)
    found.add("label_conflict", [], 0)
    assert (found.asked, found.unlisted) == ({}, {})


def test_changed_labels_come_with_doubted_ones_first_and_the_others_at_random(
    lay_out: LayOut,
) -> None:
    scene = {f"train/{c}/{i}": i + ord(c) * 10 for c in "ab" for i in range(4)}
    dataset, pixels, _ = lay_out(scene)
    after = take_inventory(dataset, pixels.content, pixels.hashes, pixels.decoder)
    earlier = {column: after.column(column).to_pylist() for column in COLUMNS.names}
    old = {0: "b", 1: "gone", 2: "b", 5: "a"}
    earlier["label"] = [old.get(i, label) for i, label in enumerate(earlier["label"])]
    changes = compare_releases(list_images(earlier), after)
    found, unlisted = find_changes(dataset, changes, {2: 0.9}, set())
    assert unlisted == 0
    assert found[0].images == (2,)
    drawn = sorted((0, 1, 5), key=lambda i: hashlib.sha256(dataset.paths[i].encode()).digest())
    assert [each.images[0] for each in found[1:]] == drawn
    told = {each.images[0]: (each.suggested, each.said) for each in found}
    assert told[0] == (("b",), "the earlier release said b, this one says a")
    assert told[1] == ((), "the earlier release said gone, this one says a")
