"""Several labels: planted classes at each limit, pairs of classes, and who counts."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predicted import predict
from relabelled import judge_together, lay_out_studies, row_of, verdict_of
from scipy.stats import binom

from labelgate.fixtures.label_witnesses import DECLARED, RELABELS
from labelgate.fixtures.multilabel import NOBODY, ONE_CLASS, TOGETHER, Multilabel

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports


def most(n: int, limit: float) -> int:
    """The most of n that do not show, at 95 %, that the rate is above the limit."""
    return max(k for k in range(n + 1) if binom.sf(k - 1, n, limit) >= 0.05)


def shown(texts: Sequence[str], labels: str = "a", **declared: object) -> Multilabel:
    """Images of class a that one study gives these labels, and one of b and c each."""
    own = [labels] * len(texts) + ["b", "c"]
    said = {f"val/{i:03}": text for i, text in enumerate(texts)}
    return judge_together(own, {"real": said}, **declared)


@pytest.mark.parametrize("n", [10, 50, 500])
def test_a_class_fails_when_the_data_show_that_many_images_show_another(n: int) -> None:
    edge = most(n, 0.3)
    for count, passes in ((edge, True), (edge + 1, False)):
        texts = ["a|b" if i % 2 else "a|c" for i in range(count)] + ["a"] * (n - count)
        assert verdict_of(shown(texts), ONE_CLASS, "a", RELABELS) is passes


@pytest.mark.parametrize("n", [10, 50, 500])
def test_a_class_fails_when_the_data_show_that_it_mostly_comes_with_one_other(n: int) -> None:
    edge = most(n, 0.5)
    for count, passes in ((edge, True), (edge + 1, False)):
        texts = ["a|b"] * count + ["a"] * (n - count)
        assert verdict_of(shown(texts), TOGETHER, "a", RELABELS) is passes


def test_what_comes_with_many_classes_always_comes_with_none() -> None:
    texts = ["a|b" if i % 2 else "a|c" for i in range(50)]
    assert verdict_of(shown(texts), TOGETHER, "a", RELABELS) is True
    assert verdict_of(shown(texts), ONE_CLASS, "a", RELABELS) is False


def test_the_part_fails_and_the_whole_does_not() -> None:
    found = shown(["a|b"] * 20 + ["b"] * 80)
    part, whole = (row_of(found, TOGETHER, name, RELABELS) for name in "ab")
    assert (part.value, part.n, whole.value, whole.n) == (1, 20, 0.2, 100)
    assert verdict_of(found, TOGETHER, "a", RELABELS) is False
    assert verdict_of(found, TOGETHER, "b", RELABELS) is True
    assert part.note == "20 with b, which 100 images show: val/000, val/001"
    assert whole.note == "20 with a, which 20 images show: val/000, val/001"
    assert part.examples == whole.examples == [list(range(20))]


def test_declared_labels_are_a_witness_beside_the_own_label() -> None:
    declared = {f"val/{i:03}": ("b",) for i in range(15)}
    found = judge_together(["a"] * 20 + ["b"], {}, multilabels=declared)
    row = row_of(found, ONE_CLASS, "a", DECLARED)
    assert (row.value, row.n) == (0.75, 20)
    assert row.captions[0] == "declared labels: a, b"


def test_images_with_several_classes_are_shown_with_what_each_study_says() -> None:
    said = {
        "real": {"val/000": "a|b", "val/001": "a"} | {f"val/{i:03}": "a" for i in range(2, 12)},
        "wide": {"val/000": "b|a|c"},
    }
    row = row_of(judge_together(["a"] * 12 + ["b", "c"], said), ONE_CLASS, "a", RELABELS)
    assert row.captions == ["real: a, b\nwide: a, b, c\nagreed on: a, b (inconsistent)"]


def test_a_predictor_is_a_hint_that_nobody_is_judged_by() -> None:
    dataset, _, _ = lay_out_studies(["a"] * 20 + ["b"], {})
    said = predict(dataset, {path: ["a", "b"] for path in dataset.paths}, "net")
    found = judge_together(["a"] * 20 + ["b"], {}, said)
    assert {row.reason for row in found.measurements()} == {NOBODY}
    table = found.evidence()["multilabel.csv"]
    assert table[["witness", "counts", "together"]].values.tolist() == [
        ["net, two best", False, 21]
    ]


def test_a_predictor_that_gives_one_class_an_image_says_nothing() -> None:
    dataset, _, _ = lay_out_studies(["a"] * 20 + ["b"], {})
    said = predict(dataset, {path: ["a"] for path in dataset.paths}, "net")
    assert judge_together(["a"] * 20 + ["b"], {}, said).evidence() == {}


def test_the_table_of_pairs_has_support_lift_and_asymmetry() -> None:
    table = shown(["a|b"] * 10 + ["b"] * 30 + ["c"] * 60).evidence()["multilabel.csv"]
    (row,) = table.to_dict("records")
    assert (row["class_a"], row["class_b"], row["together"]) == ("a", "b", 10)
    assert (row["images_a"], row["images_b"]) == (10, 40)
    assert (row["share_of_a"], row["share_of_b"], row["asymmetry"]) == (1, 0.25, 0.75)
    assert row["lift"] == 2.5  # 10 against 10 * 40 / 100 by chance


def test_pairs_that_come_together_most_stand_first() -> None:
    table = shown(["a|b"] * 2 + ["b|c"] * 3 + ["a|c"] * 2).evidence()["multilabel.csv"]
    assert table[["class_a", "class_b", "together"]].to_numpy().tolist() == [
        *(["b", "c", 3], ["a", "b", 2], ["a", "c", 2])
    ]


def test_figures_tell_the_share_of_images_with_several_classes() -> None:
    found = judge_together(["a"] * 3 + ["b"], {"real": {"val/000": "a|b", "val/001": "a"}})
    assert found.figures() == [(f"share of images with several classes ({RELABELS})", 0.5)]
    assert judge_together(["a", "b"], {}).figures() == []


def test_images_with_several_labels_are_listed() -> None:
    declared = {"val/001": ("c",), "val/003": ("b",)}
    own = ["a", "a", "b", "b", "c"]
    found = judge_together(own, {"real": {"val/000": "b|a", "val/001": "a"}}, multilabels=declared)
    table = found.evidence()["several_labels.csv"]
    assert table[["witness", "path", "class", "labels"]].values.tolist() == [
        [RELABELS, "val/000", "a", "a|b"],
        [DECLARED, "val/001", "a", "a|c"],
    ]


def test_few_images_are_not_measured() -> None:
    row = row_of(shown(["a|b"] * 9), ONE_CLASS, "a", RELABELS)
    assert row.value is None
    assert row.reason == "9 images of which somebody says what they show, at least 10 are needed"


def test_images_of_which_nobody_speaks_do_not_count() -> None:
    found = judge_together(["a"] * 12 + ["b"], {"real": {"val/003": "a|b"}})
    assert row_of(found, ONE_CLASS, "a", RELABELS).reason.startswith("1 images of which")


LISTS = st.lists(st.sampled_from(["a", "b", "c", "a|b", "b|c", "a|b|c"]), min_size=1, max_size=20)


@settings(deadline=None)
@given(LISTS)
def test_pairs_are_those_that_a_plain_count_finds(texts: list[str]) -> None:
    (pairs,) = shown(texts).pairs
    sets = [set(text.split("|")) for text in texts]
    got = {
        ("abc"[a], "abc"[b]): n
        for a, b, n in zip(pairs.a.tolist(), pairs.b.tolist(), pairs.together.tolist(), strict=True)
    }
    counts = {(a, b): sum({a, b} <= each for each in sets) for a, b in ("ab", "ac", "bc")}
    assert got == {pair: n for pair, n in counts.items() if n}
    other, together = pairs.companions()
    assert together.tolist() == [max(n for p, n in counts.items() if x in p) for x in "abc"]
    assert ((other >= 0) == (together > 0)).all()
    assert np.array_equal(pairs.images, [sum(x in each for each in sets) for x in "abc"])
