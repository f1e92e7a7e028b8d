"""What people decided about pairs: who counts, who contradicts whom, and what speaks of nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures.declarations import Review
from labelgate.fixtures.reviews import LabelReviews, Reviews, settle_labels, settle_reviews

LayOut = Callable[[dict[str, int]], Any]

SCENE = {
    **{"train/a/1": 1, "train/a/2": 2, "train/a/2 again": 2, "train/a/3": 3},
    **{"val/a/1": 1, "val/a/broken": -1},
}
NUMBER = {path: number for number, path in enumerate(sorted(SCENE))}
ONE, TWO, THREE = (NUMBER[f"train/a/{i}"] for i in (1, 2, 3))


def review(
    a: str, b: str, decision: str, reviewer: str = "ann", date: str = "2026-01-01"
) -> Review:
    return Review(f"train/a/{a}", f"train/a/{b}", decision, reviewer, date)


@pytest.fixture
def settle(lay_out: LayOut) -> Callable[..., Reviews]:
    dataset, _, pictures = lay_out(SCENE)
    return lambda *given: settle_reviews(replace(dataset, reviews=given), pictures)


def test_without_reviews_nothing_is_decided(settle: Callable[..., Reviews]) -> None:
    assert settle() == Reviews({}, {}, {}, ())


def test_a_decision_counts_for_the_pair_of_pictures(settle: Callable[..., Reviews]) -> None:
    found = settle(review("1", "2", "augmentation"))
    assert found.decisions == {(ONE, TWO): "augmentation"}
    assert found.reviewers == {(ONE, TWO): "ann"}


def test_a_decision_counts_whichever_path_stands_first(settle: Callable[..., Reviews]) -> None:
    assert settle(review("2", "1", "different")) == settle(review("1", "2", "different"))


def test_a_decision_about_a_copy_counts_for_its_picture(settle: Callable[..., Reviews]) -> None:
    copy = Review("val/a/1", "train/a/2 again", "similar_view", "ann", "2026-01-01")
    assert settle(copy).decisions == {(ONE, TWO): "similar_view"}


def test_reviewers_who_agree_are_named_in_alphabetical_order(
    settle: Callable[..., Reviews],
) -> None:
    found = settle(review("1", "2", "different", "zoe"), review("2", "1", "different", "ann"))
    assert found.reviewers == {(ONE, TWO): "ann, zoe"}
    assert found.conflicts == {}


def test_reviewers_who_disagree_are_a_conflict_and_decide_nothing(
    settle: Callable[..., Reviews],
) -> None:
    rows = review("1", "2", "different", "zoe"), review("2", "1", "augmentation", "ann")
    agreed = review("1", "3", "different", "ann")
    found = settle(*rows, agreed)
    assert found.decisions == {(ONE, THREE): "different"}
    assert found.conflicts == {(ONE, TWO): (rows[1], rows[0])}


def test_two_near_kinds_are_a_conflict_as_well(settle: Callable[..., Reviews]) -> None:
    found = settle(review("1", "2", "augmentation", "a"), review("1", "2", "similar_view", "b"))
    assert found.decisions == {}
    assert list(found.conflicts) == [(ONE, TWO)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_decisions_of_one_reviewer_the_later_date_counts(
    settle: Callable[..., Reviews], order: Sequence[int]
) -> None:
    rows = (
        review("1", "2", "different", date="2026-02-01"),
        review("2", "1", "augmentation", date="2026-10-01"),
    )
    assert settle(*(rows[i] for i in order)).decisions == {(ONE, TWO): "augmentation"}


def test_of_two_decisions_on_one_day_the_later_row_counts(settle: Callable[..., Reviews]) -> None:
    first, second = review("1", "2", "different"), review("1", "2", "augmentation")
    assert settle(first, second).decisions == {(ONE, TWO): "augmentation"}
    assert settle(second, first).decisions == {(ONE, TWO): "different"}


def test_who_changes_their_mind_ends_a_conflict(settle: Callable[..., Reviews]) -> None:
    found = settle(
        review("1", "2", "different", "ann"),
        review("1", "2", "augmentation", "zoe"),
        review("1", "2", "augmentation", "ann", "2026-01-02"),
    )
    assert found.decisions == {(ONE, TWO): "augmentation"}
    assert found.conflicts == {}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("train/a/1", "train/a/nothing"),
        ("nothing", "nowhere"),
        ("train/a/1", "val/a/broken"),
        ("train/a/1", "val/a/1"),
        ("train/a/2", "train/a/2 again"),
    ],
)
def test_a_review_of_no_pair_of_pictures_is_idle(
    settle: Callable[..., Reviews], a: str, b: str
) -> None:
    idle = Review(a, b, "different", "ann", "2026-01-01")
    found = settle(idle, review("1", "2", "different"))
    assert found.idle == (idle,)
    assert list(found.decisions) == [(ONE, TWO)]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(sorted(SCENE)),
        st.sampled_from(sorted(SCENE)),
        st.sampled_from(("augmentation", "similar_view", "different")),
        st.sampled_from(("ann", "ben", "zoe")),
    ).filter(lambda row: row[0] != row[1]),
    max_size=12,
)


@settings(deadline=None)
@given(rows=ROWS)
def test_every_review_is_counted_once_and_order_does_not_matter(
    lay_out: LayOut, rows: list[tuple[str, str, str, str]]
) -> None:
    dataset, _, pictures = lay_out(SCENE)
    dated = [Review(*row, f"2026-01-{day:02}") for day, row in enumerate(rows, start=1)]
    found = settle_reviews(replace(dataset, reviews=tuple(dated)), pictures)
    assert not set(found.decisions) & set(found.conflicts)
    assert list(found.decisions) == sorted(found.decisions)
    last: dict[tuple[int, int], dict[str, str]] = {}
    idle = 0
    for each in dated:
        ends = [int(pictures.picture[NUMBER[path]]) for path in (each.path_a, each.path_b)]
        if min(ends) < 0 or ends[0] == ends[1]:
            idle += 1
        else:
            last.setdefault((min(ends), max(ends)), {})[each.reviewer] = each.decision
    assert len(found.idle) == idle
    agreed = {p: set(said.values()) for p, said in last.items() if len(set(said.values())) == 1}
    assert {pair: {kind} for pair, kind in found.decisions.items()} == agreed
    assert set(found.conflicts) == set(last) - set(agreed)
    for order in (dated[::-1], dated[1:] + dated[:1]):
        again = settle_reviews(replace(dataset, reviews=tuple(order)), pictures)
        assert (again.decisions, again.reviewers) == (found.decisions, found.reviewers)
        assert again.conflicts == found.conflicts


# --- labels -------------------------------------------------------------------------------------


def labelled(path: str, label: str, reviewer: str = "ann", date: str = "2026-01-01") -> Review:
    decision = label if label in ("unsure", "no_class") else "label"
    return Review(path, "", decision, reviewer, date, "" if decision == label else label)


@pytest.fixture
def settle_images(lay_out: LayOut) -> Callable[..., LabelReviews]:
    dataset, _, _ = lay_out({"train/a/1": 1, "train/b/2": 2, "train/c/3": 3})
    return lambda *given: settle_labels(replace(dataset, reviews=given))


def test_a_label_is_decided_where_all_reviewers_name_the_same_classes(
    settle_images: Callable[..., LabelReviews],
) -> None:
    found = settle_images(
        labelled("train/a/1", "b|a", "zoe"),
        labelled("train/a/1", "a|b", "ann"),
        labelled("train/b/2", "no_class"),
    )
    assert found.labels == {0: ("a", "b"), 1: ()}
    assert found.reviewers == {0: "ann, zoe", 1: "ann"}
    assert (found.conflicts, found.idle) == ({}, ())


def test_reviewers_who_name_other_classes_decide_nothing(
    settle_images: Callable[..., LabelReviews],
) -> None:
    rows = labelled("train/a/1", "a", "zoe"), labelled("train/a/1", "a|b", "ann")
    none = labelled("train/b/2", "b", "zoe"), labelled("train/b/2", "no_class", "ann")
    found = settle_images(*rows, *none)
    assert found.labels == {}
    assert found.conflicts == {0: rows[::-1], 1: none[::-1]}


def test_who_is_unsure_decides_nothing_and_contradicts_nobody(
    settle_images: Callable[..., LabelReviews],
) -> None:
    found = settle_images(
        labelled("train/a/1", "unsure", "zoe"),
        labelled("train/a/1", "b", "ann"),
        labelled("train/b/2", "unsure"),
    )
    assert (found.labels, found.reviewers) == ({0: ("b",)}, {0: "ann"})
    assert found.conflicts == {}


def test_who_becomes_unsure_takes_the_decision_back(
    settle: Callable[..., Reviews], settle_images: Callable[..., LabelReviews]
) -> None:
    later = {"date": "2026-02-01"}
    rows = labelled("train/a/1", "b"), labelled("train/a/1", "unsure", **later)
    assert settle_images(*rows).labels == settle_images(*rows[::-1]).labels == {}
    pairs = review("1", "2", "different"), review("2", "1", "unsure", **later)
    assert settle(*pairs).decisions == {}


def test_labels_are_settled_apart_from_pairs(
    settle: Callable[..., Reviews], settle_images: Callable[..., LabelReviews]
) -> None:
    assert settle(labelled("train/a/1", "a")) == Reviews({}, {}, {}, ())
    assert settle_images(review("1", "2", "different")) == LabelReviews({}, {}, {}, ())


def test_a_label_of_an_image_that_is_gone_is_idle(
    settle_images: Callable[..., LabelReviews],
) -> None:
    gone = labelled("train/a/gone", "a")
    assert settle_images(gone).idle == (gone,)
