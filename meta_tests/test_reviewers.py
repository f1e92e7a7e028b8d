"""How far reviewers agree: counts by hand, against krippendorff's own data, and the evidence."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from labelgate.fixtures.declarations import Review
from labelgate.fixtures.reviewers import Reviewers, agree, collect_answers, find_alpha
from labelgate.fixtures.reviews import settle_labels

LayOut = Callable[[dict[str, int]], Any]
DAY = "2026-01-01"


def pair(a: str, b: str, decision: str, reviewer: str, date: str = DAY) -> Review:
    return Review(f"train/a/{a}", f"train/a/{b}", decision, reviewer, date)


def label(image: str, name: str, reviewer: str) -> Review:
    return Review(f"train/a/{image}", "", "label", reviewer, DAY, name)


@pytest.fixture
def review(lay_out: LayOut) -> Callable[..., Reviewers]:
    dataset, _, _ = lay_out({f"train/{c}/{i}": 10 * i + ord(c) for c in "ab" for i in range(4)})

    def make(*rows: Review) -> Reviewers:
        told = replace(dataset, reviews=rows)
        return Reviewers(told, settle_labels(told))

    return make


def test_answers_are_the_last_of_each_reviewer_whichever_path_stands_first() -> None:
    rows = (
        pair("1", "2", "different", "ann"),
        pair("2", "1", "augmentation", "ann", "2026-02-01"),
        pair("1", "2", "unsure", "ben"),
        label("1", "b|a", "ann"),
    )
    answers = collect_answers(rows, ("a", "b"))
    assert list(answers["pairs"].values()) == [{"ann": "augmentation", "ben": "unsure"}]
    assert list(answers["labels"].values()) == [{"ann": "label a|b"}]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], (0, 0)),
        ([{"ann": "x"}], (0, 0)),
        ([{"ann": "x", "ben": "x"}, {"ann": "x", "ben": "y"}], (2, 1)),
        ([{"ann": "x", "ben": "x", "zoe": "y"}], (3, 1)),
        ([{"ann": "x", "ben": "x", "zoe": "x", "eve": "x"}], (6, 6)),
    ],
)
def test_agreement_is_counted_over_pairs_of_answers(
    answers: list[dict[str, str]], expected: tuple[int, int]
) -> None:
    assert agree(answers) == expected


def test_alpha_is_krippendorffs() -> None:
    """His example of nominal data with two observers and ten units: alpha is 0.095."""
    one, other = "0100000000", "1110010100"
    answers = [{"a": a, "b": b} for a, b in zip(one, other, strict=True)]
    assert find_alpha(answers) == pytest.approx(0.095, abs=0.0005)
    assert find_alpha([*answers, {"a": "2"}]) == find_alpha(answers)  # nobody else answered


def test_alpha_is_not_defined_where_nothing_differs() -> None:
    assert math.isnan(find_alpha([]))
    assert math.isnan(find_alpha([{"a": "x", "b": "x"}]))


def test_figures_say_who_decided_what_and_how_far_people_agree(
    review: Callable[..., Reviewers],
) -> None:
    found = review(
        pair("0", "1", "different", "ann"),
        pair("0", "1", "different", "ben"),
        pair("1", "2", "different", "ann"),
        pair("1", "2", "augmentation", "ben"),
        pair("2", "3", "different", "ann"),
        label("0", "a", "ann"),
        label("1", "b", "ann"),
        label("2", "b", "ann"),
        label("2", "a", "ben"),
        label("gone", "a", "ben"),
    )
    figures = dict(found.figures())
    assert figures["reviewers"] == 2
    assert figures["pairs that people reviewed"] == 3
    assert figures["pairs that two people or more reviewed"] == 2
    assert figures["share of equal answers of two people about pairs"] == 0.5
    assert figures["labels that people reviewed"] == 4
    assert figures["labels that people confirm"] == 1
    assert figures["labels that people contradict"] == 1
    assert figures["images on whose label reviewers disagree"] == 1
    assert figures["reviews of labels of images that are not here"] == 1
    assert list(found.measurements()) == []


def test_evidence_lists_conflicts_decisions_and_the_agreement_of_every_two(
    review: Callable[..., Reviewers],
) -> None:
    found = review(
        *(label("0", "a", who) for who in ("ann", "ben", "zoe")),
        *(label("1", name, who) for name, who in (("a", "ann"), ("b", "ben"))),
        label("2", "b", "zoe"),
    ).evidence()
    assert found["review_conflicts.csv"][["path_a", "label", "reviewer"]].values.tolist() == [
        ["train/a/1", "a", "ann"],
        ["train/a/1", "b", "ben"],
    ]
    assert found["reviewed_labels.csv"].values.tolist() == [
        ["train/a/0", "train", "a", "a", True, "ann, ben, zoe"],
        ["train/a/2", "train", "a", "b", False, "zoe"],
    ]
    agreement = found["reviewer_agreement.csv"]
    columns = ["kind", "reviewer_a", "reviewer_b", "items", "same", "share"]
    assert agreement[columns].values.tolist() == [
        ["labels", "ann", "ben", 2, 1, 0.5],
        ["labels", "ann", "zoe", 1, 1, 1.0],
        ["labels", "ben", "zoe", 1, 1, 1.0],
    ]
