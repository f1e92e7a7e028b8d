"""Label errors: against cleanlab on the whole matrix, planted ones, and the class at its limit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from relabelled import row_of, verdict_of
from scipy.stats import binom

from labelgate.fixtures.confident_learning import Doubts, doubt_labels
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import ProblemGroup, Review
from labelgate.fixtures.label_errors import LOW, NO_PREDICTOR, LabelErrors
from labelgate.fixtures.probabilities import OutOfSample, say_nothing
from labelgate.fixtures.reviews import settle_labels

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports


def say(rows: NDArray[np.float32], step: int = 10**6) -> OutOfSample:
    def blocks(chosen: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        return (rows[chosen[i : i + step]] for i in range(0, len(chosen), step))

    return OutOfSample("net", np.arange(len(rows)), blocks)


def draw(n: int, classes: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Probabilities, and labels that follow them."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(classes, 0.2), n)
    labels = (rows.cumsum(axis=1) > rng.random((n, 1)) * 0.999).argmax(axis=1)
    return rows.astype(np.float32), labels.astype(np.int32)


def lay_out(labels: Sequence[str]) -> Dataset:
    names = [f"val/{i:04}" for i in range(len(labels))]
    return assemble("memory", Path("/nowhere"), [SplitNames("val", names, labels)])


def classes_with(doubted: int, n: int) -> LabelErrors:
    """Class a with so many labels that the model takes for b, and more images of b."""
    dataset = lay_out(["a"] * n + ["b"] * (5 * n))
    rows = np.array(
        [[0.05, 0.95]] * doubted + [[0.95, 0.05]] * (n - doubted) + [[0.05, 0.95]] * (5 * n)
    )
    return judge_doubts(dataset, doubt_labels(say(rows.astype(np.float32)), dataset.label_index, 2))


def judge_doubts(dataset: Dataset, *doubts: Doubts) -> LabelErrors:
    return LabelErrors(dataset, doubts, settle_labels(dataset), 0.95, 10, 1.0, 0.6)


def test_a_doubt_between_classes_of_one_problem_group_is_listed_and_does_not_count() -> None:
    found = classes_with(20, 50)
    grouped = replace(found.dataset, groups=(ProblemGroup("a / b", ("a", "b")),))
    row = row_of(replace(found, dataset=grouped), LOW, "a", "net")
    assert (row_of(found, LOW, "a", "net").value, row.value) == (0.4, 0)
    listed = replace(found, dataset=grouped).evidence()["label_errors.csv"]
    assert listed["same_group"].tolist() == [True] * 20


@pytest.mark.parametrize(("least", "measured"), [(0.93, True), (0.94, False)])
def test_a_model_that_agrees_with_few_labels_is_not_believed(least: float, measured: bool) -> None:
    found = replace(classes_with(20, 50), least_agreement=least)  # agrees with 280 of 300
    assert (row_of(found, LOW, "a", "net").value is not None) is measured


@given(st.integers(3, 6), st.integers(0, 2**32 - 1), st.integers(1, 40), st.booleans())
@settings(max_examples=100, deadline=None)
def test_blocks_find_what_cleanlab_finds_in_the_whole_matrix(
    classes: int, seed: int, step: int, sparse: bool
) -> None:
    """Sparse as votes are: small probabilities are 0, and one class is never expected."""
    from cleanlab.filter import find_label_issues

    rows, labels = draw(120, classes, seed)
    if sparse:
        rows[:, 0] = 0
        rows[rows < np.minimum(0.3, rows.max(axis=1, keepdims=True))] = 0
        rows /= rows.sum(axis=1, keepdims=True)
    labels[:classes] = np.arange(classes)  # cleanlab's own path needs every class
    found = doubt_labels(say(rows, step), labels, classes)
    expected = find_label_issues(labels, rows, filter_by="confident_learning", n_jobs=1)
    assert found.doubted.tolist() == expected.tolist()


def test_a_class_that_a_model_never_expects_is_no_reason_to_doubt_the_others() -> None:
    """Its threshold would be 0, which the probability of every image reaches."""
    rows = np.array([[0.9, 0.1, 0]] * 20 + [[0.1, 0.9, 0]] * 20 + [[0.45, 0.55, 0]], np.float32)
    labels = np.repeat([0, 2, 1, 0], [18, 2, 20, 1]).astype(np.int32)
    found = doubt_labels(say(rows), labels, 3)
    assert np.flatnonzero(found.doubted).tolist() == [18, 19]  # not the last: 0.55 is below 0.9


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_neither_the_order_of_images_nor_that_of_classes_matters(seed: int) -> None:
    rows, labels = draw(200, 5, seed)
    rng = np.random.default_rng(seed)
    images, classes = rng.permutation(200), rng.permutation(5)
    plain = doubt_labels(say(rows), labels, 5)
    moved = doubt_labels(
        say(rows[images][:, classes]), np.argsort(classes)[labels[images]].astype(np.int32), 5
    )
    assert np.array_equal(moved.doubted, plain.doubted[images])
    assert np.array_equal(classes[moved.best], plain.best[images])
    assert np.array_equal(moved.margin, plain.margin[images])


def test_the_margin_of_a_doubted_label_is_cleanlabs() -> None:
    from cleanlab.rank import get_normalized_margin_for_each_label

    rows, labels = draw(200, 5, 0)
    found = doubt_labels(say(rows), labels, 5)
    expected = get_normalized_margin_for_each_label(labels.astype(int), rows)
    assert found.doubted.any()
    assert np.allclose(found.margin[found.doubted], expected[found.doubted])
    assert (found.margin <= 0.5).all()


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_planted_errors_are_found_and_little_else(share: float) -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(10, size=20_000)
    rows = rng.dirichlet(np.ones(10), 20_000) * 0.4  # a model that is right in 0.99, and unsure
    rows[np.arange(20_000), np.where(rng.random(20_000) < 0.99, true, 0)] += 0.6
    flipped = rng.random(20_000) < share
    labels = np.where(flipped, (true + rng.integers(1, 10, 20_000)) % 10, true).astype(np.int32)
    found = doubt_labels(say(rows.astype(np.float32)), labels, 10).doubted
    assert flipped[found].mean() > share / (share + 0.01) - 0.1
    assert found[flipped].mean() > 0.5


@pytest.mark.parametrize("n", [10, 50, 500])
def test_a_class_fails_when_the_data_show_more_errors_than_the_limit(n: int) -> None:
    from labelgate.expectations.limits_file import read_limits

    limit = read_limits(None).properties[LOW].bounds[0].high
    assert limit is not None
    edge = max(k for k in range(n + 1) if binom.sf(k - 1, n, limit) >= 0.05)
    for count, passes in ((edge - 1, True), (edge, True), (edge + 1, False)):
        if count >= 0:
            assert verdict_of(classes_with(count, n), LOW, "a", "net") is passes


def test_doubted_images_are_shown_with_what_they_are_rather() -> None:
    row = row_of(classes_with(2, 20), LOW, "a", "net")
    assert (row.value, row.n, row.examples) == (0.1, 20, [[0], [1]])
    assert row.captions == ["rather b (0.05 for its label)"] * 2
    assert row.note == "val/0000 (rather b), val/0001 (rather b)"


def test_the_table_lists_the_worst_first() -> None:
    dataset = lay_out(["a"] * 20 + ["b"] * 20)
    rows = np.array([[0.9, 0.1]] * 20 + [[0.1, 0.9]] * 20, np.float32)
    rows[3], rows[7], rows[25] = (0.09, 0.91), (0.02, 0.98), (0.95, 0.05)
    found = judge_doubts(dataset, doubt_labels(say(rows), dataset.label_index, 2))
    table = found.evidence()["label_errors.csv"]
    assert table["path"].tolist() == ["val/0007", "val/0025", "val/0003"]
    assert table[["label", "suggested"]].values.tolist() == [["a", "b"], ["b", "a"], ["a", "b"]]
    assert np.allclose(table["score"], [0.02, 0.05, 0.09])
    rates = found.evidence()["label_error_rates.csv"]
    assert rates[["class", "images", "doubted", "consistent"]].values.tolist() == [
        ["a", 20, 2, 0.9],
        ["b", 20, 1, 0.95],
    ]
    assert rates[["split", "predictor", "rate"]].values.tolist() == [
        ["val", "net", 0.1],
        ["val", "net", 0.05],
    ]
    assert (rates["low"] < rates["rate"]).all()
    assert (rates["rate"] < rates["high"]).all()
    assert found.figures() == [
        ("doubted labels in val (net, out of sample)", 3),
        ("share of labels consistent in val (net, out of sample)", 0.925),
    ]


def test_without_a_predictor_nothing_is_measured() -> None:
    found = judge_doubts(lay_out(["a", "b"]))
    rows = {(row.value, row.n, row.reason) for row in found.measurements()}
    assert rows == {(None, 0, NO_PREDICTOR)}
    assert found.evidence() == {}


def test_a_predictor_without_probabilities_says_why() -> None:
    dataset = lay_out(["a", "b"])
    silent = doubt_labels(say_nothing("net", "no probabilities"), dataset.label_index, 2)
    row = row_of(judge_doubts(dataset, silent), LOW, "a", "net")
    assert (row.value, row.reason) == (None, "no probabilities")


def test_a_class_of_which_a_predictor_says_little_is_not_measured() -> None:
    dataset = lay_out(["a"] * 20 + ["b"] * 20)
    rows = np.array([[0.9, 0.1]] * 19 + [[0.1, 0.9]] * 20, np.float32)
    part = OutOfSample("net", np.arange(1, 40), lambda chosen: iter([rows[chosen]]))
    found = judge_doubts(dataset, doubt_labels(part, dataset.label_index, 2))
    row = row_of(found, LOW, "a", "net")
    assert row.value is None
    assert row.reason.startswith("net has probabilities of 19 of 20 images")
    assert row_of(found, LOW, "b", "net").value == 0


def test_a_class_without_images_is_no_suggestion() -> None:
    rows = np.tile(np.array([0.1, 0.2, 0.7], np.float32), (20, 1))
    found = doubt_labels(say(rows), np.zeros(20, np.int32), 3)
    assert not found.doubted.any()


@pytest.mark.parametrize("first", [0, 1])
def test_where_two_classes_are_equally_likely_neither_label_is_doubted(first: int) -> None:
    """As classes of one name are, and classes with as many votes."""
    rows = np.array([[0.5, 0.5, 0]] * 40 + [[0.2, 0.2, 0.6]] * 20, np.float32)
    labels = np.repeat([first, 1 - first, 2], 20).astype(np.int32)
    found = doubt_labels(say(rows), labels, 3)
    assert not found.doubted.any()
    assert np.array_equal(found.best, labels)


@pytest.mark.parametrize(("right", "believed"), [(59, False), (60, True), (61, True)])
def test_a_predictor_that_contradicts_everything_is_not_believed(
    right: int, believed: bool
) -> None:
    dataset = lay_out(["a"] * 50 + ["b"] * 50)
    rows = np.array([[0.9, 0.1]] * 50 + [[0.1, 0.9]] * 50, np.float32)
    rows[: 100 - right] = (0.1, 0.9)
    found = judge_doubts(dataset, doubt_labels(say(rows), dataset.label_index, 2))
    row = row_of(found, LOW, "b", "net") if believed else next(iter(found.measurements()))
    assert (row.value is not None) is believed
    assert len(found.evidence()["label_errors.csv"]) == 100 - right


# --- reviews ------------------------------------------------------------------------------------


def reviewed(found: LabelErrors, said: dict[str, str]) -> LabelErrors:
    """The same after people said what images show; "" for no class."""
    reviews = [
        Review(path, "", "label" if label else "no_class", "ann", "2026-01-01", label)
        for path, label in said.items()
    ]
    dataset = replace(found.dataset, reviews=tuple(reviews))
    return replace(found, dataset=dataset, reviews=settle_labels(dataset))


def test_a_doubted_label_that_people_confirm_is_no_error() -> None:
    found = classes_with(20, 50)
    confirmed = {f"val/{i:04}": "a|b" if i else "a" for i in range(19)}
    row = row_of(reviewed(found, confirmed), LOW, "a", "net")
    assert (row.value, row.n, row.examples) == (1 / 50, 50, [[19]])
    assert verdict_of(found, LOW, "a", "net") is False
    assert verdict_of(reviewed(found, confirmed), LOW, "a", "net") is True


@pytest.mark.parametrize(("said", "words"), [("b", "rather b"), ("", "no class of the dataset")])
def test_a_label_that_people_contradict_is_an_error_whatever_the_model_says(
    said: str, words: str
) -> None:
    found = reviewed(classes_with(1, 20), {"val/0007": said})
    row = row_of(found, LOW, "a", "net")
    assert (row.value, row.n, row.examples) == (0.1, 20, [[7], [0]])
    assert words in row.captions[0]
    assert "decided by ann" in row.captions[0]
    assert "val/0007" in row.note


def test_contradicted_labels_fail_a_class_and_changed_ones_do_not() -> None:
    found = classes_with(0, 50)
    wrong = {f"val/{i:04}": "b" for i in range(20)}
    assert verdict_of(reviewed(found, wrong), LOW, "a", "net") is False
    labels = ["b" if path in wrong else found.dataset.label_of(i) or "" for i, path in
              enumerate(found.dataset.paths)]  # fmt: skip
    mended = replace(found, dataset=lay_out(labels))
    assert verdict_of(reviewed(mended, wrong), LOW, "a", "net") is True


def test_people_who_disagree_leave_the_word_to_the_model() -> None:
    found = reviewed(classes_with(1, 20), {"val/0000": "a"})
    again = Review("val/0000", "", "label", "ben", "2026-01-01", "b")
    dataset = replace(found.dataset, reviews=(*found.dataset.reviews, again))
    apart = replace(found, dataset=dataset, reviews=settle_labels(dataset))
    assert (row_of(found, LOW, "a", "net").value, row_of(apart, LOW, "a", "net").value) == (0, 0.05)


def test_a_label_that_the_model_does_not_speak_of_counts_when_people_contradict_it() -> None:
    dataset = lay_out(["a"] * 20 + ["b"] * 20)
    rows = np.array([[0.9, 0.1]] * 19 + [[0.1, 0.9]] * 20, np.float32)
    part = OutOfSample("net", np.arange(1, 40), lambda chosen: iter([rows[chosen]]))
    doubts = doubt_labels(part, dataset.label_index, 2)
    found = replace(judge_doubts(dataset, doubts), least_coverage=0.9)
    row = row_of(reviewed(found, {"val/0000": "b"}), LOW, "a", "net")
    assert (row.value, row.n, row.examples) == (1 / 20, 20, [[0]])
    whole = replace(found, least_coverage=1.0)
    assert row_of(reviewed(whole, {"val/0000": "b"}), LOW, "a", "net").value is None


def test_the_table_says_what_people_decided() -> None:
    found = reviewed(classes_with(2, 20), {"val/0001": "a", "val/0007": "b"})
    table = found.evidence()["label_errors.csv"]
    told = (
        table[["path", "suggested", "decided", "reviewer"]]
        .astype(object)
        .fillna("")
        .values.tolist()
    )
    assert told == [
        ["val/0000", "b", "", ""],
        ["val/0001", "b", "a", "ann"],
        ["val/0007", "", "b", "ann"],
    ]
