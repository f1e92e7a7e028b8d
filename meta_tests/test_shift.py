"""Shift: planted shifts are found, equal splits are left alone, and nothing depends on order."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binom
from xxhash import xxh3_64_intdigest

from labelgate.expectations.judge import judge
from labelgate.expectations.limits import Bound
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures import class_images, compared_splits, two_samples
from labelgate.fixtures.class_images import choose_images, seed_of
from labelgate.fixtures.compared_splits import ComparedSplits, open_compared
from labelgate.fixtures.dataset import UNLABELLED, SplitNames, assemble
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.measurements import Measurement, Measurements
from labelgate.fixtures.shift import PROPERTY, Shift, find_shift
from labelgate.fixtures.store import open_store
from labelgate.fixtures.two_samples import compare_samples, gaussian_kernel, permutations_for

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SCALES = np.arange(1, 33) ** -0.5
"""Spread of the vectors along each direction: a few matter, as in real embeddings."""

Vectors = NDArray[np.float16]
Cells = Mapping[tuple[str, str], NDArray[np.floating]]


def silent(title: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda done: None)


def kind(rng: np.random.Generator, total: int, *, shifted: float = 0.0, by: float = 4) -> Vectors:
    """Vectors of one distribution; a share of them is of another kind of image."""
    vectors = rng.standard_normal((total, len(SCALES))) * SCALES
    vectors[:, 2] += np.where(np.arange(total) < round(shifted * total), by, 0)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def find(
    cells: Cells,
    *,
    least: int = 10,
    seed: int = 0,
    level: float = 0.05,
    name: Callable[[int], str] = "{:05d}".format,
    hashes: Mapping[tuple[str, str], Sequence[int]] | None = None,
    unlabelled: Sequence[str] = (),
    without: Sequence[int] | range = (),
    known: ComparedSplits | None = None,
) -> Shift:
    """Runs the stem on vectors by split and class; equal numbers in `hashes` are equal pixels."""
    rows = [
        (split, label, i, vector)
        for (split, label), vectors in cells.items()
        for i, vector in enumerate(vectors)
    ]
    paths = [f"{split}/{label}/{name(i)}" for split, label, i, _ in rows]
    splits = [
        SplitNames(
            split,
            [path for path, row in zip(paths, rows, strict=True) if row[0] == split],
            None if split in unlabelled else [row[1] for row in rows if row[0] == split],
        )
        for split in dict.fromkeys(row[0] for row in rows)
    ]
    dataset = assemble("x", Path("/x"), splits)
    position = {path: number for number, path in enumerate(paths)}
    order = np.array([position[path] for path in dataset.paths])
    numbers = np.concatenate(
        [
            np.array((hashes or {}).get(cell, [xxh3_64_intdigest(v.tobytes()) for v in vectors]))
            for cell, vectors in cells.items()
        ]
    )
    pixels = np.zeros((len(rows), 16), np.uint8)
    pixels[:, 8:] = numbers.astype(np.uint64)[order, None].view(np.uint8)
    pixels[:, 0] = 1
    row = np.where(np.isin(order, without), -1, order)
    vectors = np.array([row[3] for row in rows], np.float16)
    embeddings = Embeddings(vectors, row, "planted", "", 0, 0.0)
    return find_shift(dataset, pixels, embeddings, level, least, seed, silent, known)


def rows_of(found: Shift) -> dict[tuple[str, str], Measurement]:
    rows = list(found.measurements())
    assert {row.property for row in rows} == {PROPERTY}
    assert len({(row.subject, row.split) for row in rows}) == len(rows)
    return {(row.subject, row.split): row for row in rows}


# --- two samples --------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 4), st.integers(0, 2**32))
def test_mmd_and_effect_are_those_of_plain_loops(n: int, m: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((n, size)), rng.standard_normal((m, size)) + 0.5
    found = compare_samples(a, b, 100, [seed])
    kernel = gaussian_kernel(np.concatenate([a, b])).astype(np.float64)
    aa, bb, ab = kernel[:n, :n], kernel[n:, n:], kernel[:n, n:]
    within_a, within_b = (aa.sum() - n) / (n * (n - 1)), (bb.sum() - m) / (m * (m - 1))
    assert found.mmd2 == pytest.approx(within_a + within_b - 2 * ab.mean(), abs=1e-5)
    wins = 0.0
    for i in range(n):
        for j in range(m):
            a_left, b_left = np.arange(n) != i, np.arange(m) != j
            of_i = aa[i, a_left].mean() - ab[i, b_left].mean()
            of_j = ab[a_left, j].mean() - bb[j, b_left].mean()
            wins += 0.5 if abs(of_i - of_j) <= 1e-6 else of_i > of_j
    assert found.effect == pytest.approx(wins / (n * m), abs=1e-9)
    swapped = compare_samples(b, a, 100, [seed])
    assert (swapped.mmd2, swapped.effect) == pytest.approx((found.mmd2, found.effect), abs=1e-5)


def test_p_is_the_share_of_all_permutations() -> None:
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.standard_normal((5, 2)), rng.standard_normal((5, 2)) + 0.8])
    kernel = gaussian_kernel(points).astype(np.float64)

    def mmd2(chosen: Sequence[int]) -> float:
        sign = np.where(np.isin(np.arange(10), chosen), 1.0, -1.0)
        return float(sign @ kernel @ sign)  # sets of equal size: the same order as the unbiased one

    every = [mmd2(chosen) for chosen in combinations(range(10), 5)]
    share = np.mean([value >= mmd2(range(5)) - 1e-9 for value in every])
    drawn = [compare_samples(points[:5], points[5:], 5000, [seed]).p for seed in range(30)]
    assert 0.01 < share < 0.5
    assert np.mean(drawn) == pytest.approx(share, rel=0.15)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (15, 120), (120, 15)])
def test_equal_distributions_are_rarely_told_apart(n: int, m: int) -> None:
    trials, rng = 200, np.random.default_rng(n)
    found = [compare_samples(kind(rng, n), kind(rng, m), 400, [i]) for i in range(trials)]
    p = np.array([each.p for each in found])
    for level in (0.01, 0.05, 0.2):  # a wrong test is rejected here with a chance of 1 in 1,000
        assert (p <= level).sum() <= binom.ppf(0.999, trials, level)
    assert (p <= 0.5).sum() >= binom.ppf(0.001, trials, 0.45)
    effect = np.array([each.effect for each in found])
    assert abs(effect.mean() - 0.5) < 3.3 * effect.std() / trials**0.5


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 50), (30, 30)])
def test_equal_vectors_are_the_same_kind(n: int, m: int) -> None:
    found = compare_samples(np.ones((n, 8)), np.ones((m, 8)), 1000, [0])
    assert (found.mmd2, found.p, found.effect) == (0, 1, 0.5)
    assert found.permutations == two_samples.EXCEEDING


def test_two_different_points_of_many_copies_are_told_apart() -> None:
    a, b = np.tile([1.0, 0.0], (30, 1)), np.tile([0.0, 1.0], (20, 1))
    found = compare_samples(a, b, 999, [0])
    assert (found.p, found.permutations, found.effect) == (1 / 1000, 999, 1)
    one_other = compare_samples(np.concatenate([a, b[:1]]), a, 999, [0])  # the median distance is 0
    assert one_other.p > 0.2


def test_the_rarer_side_may_be_either() -> None:
    rng = np.random.default_rng(0)
    a, b = kind(rng, 200, shifted=0.5), kind(rng, 20, shifted=1)
    found, swapped = compare_samples(a, b, 2000, [0]), compare_samples(b, a, 2000, [0])
    assert found.p == swapped.p == 1 / 2001
    assert found.effect == pytest.approx(swapped.effect, abs=1e-4)
    assert 0.65 < found.effect < 0.85


def test_one_image_is_no_set() -> None:
    with pytest.raises(ValueError, match="1 and 5 vectors"):
        compare_samples(np.ones((1, 2)), np.ones((5, 2)), 100, [0])


# --- the stem -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def canoe() -> Shift:
    """Canoes and kayaks in train, only kayaks in val; four classes without a shift."""
    rng = np.random.default_rng(1)
    cells = {
        (split, label): kind(rng, 300 if split == "train" else 40)
        for label in ("barn", "dam", "yawl", "zoo")
        for split in ("train", "val")
    }
    cells["train", "canoe"] = kind(rng, 300, shifted=0.5)
    cells["val", "canoe"] = kind(rng, 40, shifted=1)
    return find(cells)


def test_the_canoe_is_found_and_nothing_else(canoe: Shift) -> None:
    rows = rows_of(canoe)
    assert set(rows) == {
        (label, "train and val") for label in ("barn", "canoe", "dam", "yawl", "zoo")
    }
    row = rows["canoe", "train and val"]
    assert row.value is not None
    assert 0.65 < row.value < 0.85  # half of train looks like val: 0.75
    assert row.judged == row.value
    assert row.n == 340
    others = [other for label, other in rows.items() if label[0] != "canoe"]
    assert [other.judged for other in others] == [0.5] * 4
    assert all(other.value is not None and 0.5 <= other.value < 0.65 for other in others)
    assert canoe.figures()[:2] == [
        ("classes compared between two splits", 5),
        ("of these, different at a false discovery rate of 0.05", 1),
    ]


@pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports
@pytest.mark.parametrize(
    ("subject", "split", "failing"),
    [
        (None, None, {"canoe"}),
        ("canoe", "train and val", set()),
        (None, "train and val", set()),
        ("dam", "train and val", {"canoe"}),
    ],
)
def test_a_limit_for_two_splits_counts_between_them(
    canoe: Shift, subject: str | None, split: str | None, failing: set[str]
) -> None:
    limits = read_limits(None)
    limit = limits.properties[PROPERTY]
    own = [Bound(None, 0.9, "a test", subject, split)] if split else []
    limits = replace(limits, properties={PROPERTY: replace(limit, bounds=(*limit.bounds, *own))})
    rows = Measurements(tuple(canoe.measurements()), {}, (), {})
    verdicts = judge(rows, limits).verdicts
    assert {v.measurement.subject for v in verdicts if v.passed is False} == failing


def test_the_most_typical_images_are_named(canoe: Shift) -> None:
    row = rows_of(canoe)["canoe", "train and val"]
    paths = canoe.dataset.paths
    train, val = ([paths[image] for image in group] for group in row.examples)
    assert row.captions == ["most typical of train", "most typical of val"]
    assert len(train) == len(val) == 8
    assert all(int(path.removeprefix("train/canoe/")) >= 150 for path in train)  # no kayak
    assert all(path.startswith("val/canoe/") for path in val)
    assert f"typical of train {train[0]}, {train[1]}, {train[2]}; typical of val {val[0]}" in (
        row.note
    )


def test_the_evidence_has_every_comparison(canoe: Shift) -> None:
    (table,) = canoe.evidence().values()
    assert list(canoe.evidence()) == ["shift.csv"]
    assert list(table)[:9] == [
        *("class", "split_a", "split_b", "n_a", "n_b", "effect", "mmd2", "p", "q"),
    ]
    assert table["class"][0] == "canoe"
    assert sorted(table["class"]) == ["barn", "canoe", "dam", "yawl", "zoo"]
    assert set(zip(table["n_a"], table["n_b"], strict=True)) == {(300, 40)}
    assert (table["q"] >= table["p"]).all()
    assert table["p"][0] == 1 / (permutations_for(5, 0.05) + 1)


def test_a_small_share_of_another_kind_is_different_but_alike() -> None:
    rng = np.random.default_rng(2)
    found = find({("a", "x"): kind(rng, 500), ("b", "x"): kind(rng, 500, shifted=0.15)})
    row = rows_of(found)["x", "a and b"]
    assert found.q[0] < 0.01
    assert row.value is not None
    assert 0.5 < row.value < 0.6


def test_another_class_changes_no_p() -> None:
    rng = np.random.default_rng(3)
    cells = {(split, "x"): kind(rng, 30) for split in ("train", "val", "test")}
    more = cells | {(split, "a"): kind(rng, 25) for split in ("train", "val")}
    alone, together = find(cells).evidence()["shift.csv"], find(more).evidence()["shift.csv"]
    columns = ["split_a", "split_b", "effect", "mmd2", "p"]
    left = together[together["class"] == "x"][columns].reset_index(drop=True)
    assert left.equals(alone[columns])
    assert len(alone) == 3


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 7))
def test_names_and_order_of_files_do_not_matter(seed: int, factor: int) -> None:
    rng = np.random.default_rng(5)
    cells = {("train", "x"): kind(rng, 40), ("val", "x"): kind(rng, 21, shifted=0.3)}
    shuffle = np.random.default_rng(seed)
    shuffled = {cell: shuffle.permutation(vectors) for cell, vectors in cells.items()}
    names = shuffle.permutation(1000)
    moved = find(shuffled, name=lambda i: f"{names[i * factor]}.jpg")
    assert moved.evidence()["shift.csv"].equals(find(cells).evidence()["shift.csv"])


def test_equal_pixels_count_once_in_a_split_and_images_without_a_vector_never() -> None:
    rng = np.random.default_rng(6)
    vectors = np.repeat(kind(rng, 12), 3, axis=0)
    cells = {("train", "x"): vectors, ("val", "x"): vectors}
    copies = {cell: np.repeat(np.arange(12), 3).tolist() for cell in cells}
    (row,) = rows_of(find(cells, hashes=copies)).values()
    assert row.n == 24
    (row,) = rows_of(find(cells, hashes=copies, without=range(9))).values()
    assert row.value is None
    assert row.n == 21
    assert row.reason == (
        "9 in train and 12 in val, of different images at least 10 each are needed"
    )


@pytest.mark.parametrize(("n", "measured"), [(9, False), (10, True)])
def test_few_images_are_not_measured(n: int, measured: bool) -> None:
    rng = np.random.default_rng(7)
    row = rows_of(find({("train", "x"): kind(rng, 50), ("val", "x"): kind(rng, n)}))
    assert (row["x", "train and val"].value is not None) == measured


def test_a_class_in_one_split_is_not_measured() -> None:
    rng = np.random.default_rng(8)
    cells = {("train", "x"): kind(rng, 30), ("val", "y"): kind(rng, 30)}
    rows = rows_of(find(cells))
    assert rows["x", "train and val"].reason == (
        "30 in train and 0 in val, of different images at least 10 each are needed"
    )
    assert rows["y", "train and val"].value is None


def test_splits_without_labels_are_left_out() -> None:
    rng = np.random.default_rng(9)
    cells = {(split, "x"): kind(rng, 20) for split in ("test", "train", "val")}
    rows = rows_of(find(cells, unlabelled=["test"]))
    assert set(rows) == {("x", "train and val"), (UNLABELLED, "")}
    assert "no label" in rows[UNLABELLED, ""].reason
    rows = rows_of(find(cells, unlabelled=["test", "val"]))
    assert set(rows) == {("x", ""), (UNLABELLED, "")}
    assert rows["x", ""].reason == "1 split with labels (train), 2 are needed"
    assert rows["x", ""].value is None


def test_a_drawn_sample_is_said_and_is_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelgate.fixtures import shift

    monkeypatch.setattr(class_images, "MOST", 25)
    monkeypatch.setattr(shift, "MOST", 25)
    rng = np.random.default_rng(10)
    cells = {("train", "x"): kind(rng, 60), ("val", "x"): kind(rng, 20)}
    found = find(cells)
    (row,) = rows_of(found).values()
    assert row.n == 45
    assert row.note.endswith("; 25 of 60 images of train drawn")
    assert found.figures()[2] == ("classes in a split of which only 25 images were compared", 1)
    assert list(find(cells).measurements()) == [row]
    assert list(find(cells, seed=1).measurements()) != [row]


def test_another_image_changes_one_of_those_drawn_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_images, "MOST", 25)
    hashes = np.random.default_rng(3).integers(0, 256, (100, 16), np.uint8)
    dataset = assemble(
        "x", Path("/x"), [SplitNames("a", [f"a/{i:03}" for i in range(100)], ["x"] * 100)]
    )
    drawn = []
    for total in range(60, 101):
        (chosen,) = choose_images(dataset, hashes, np.arange(100) < total, 0).values()
        drawn.append(set(chosen.chosen.tolist()))
    changes = [len(after - before) for before, after in pairwise(drawn)]
    assert set(changes) == {0, 1}
    assert changes.count(0) > len(changes) / 2


def test_no_class_and_no_image_is_no_error() -> None:
    dataset = assemble("x", Path("/x"), [SplitNames("a", ["a/1"], None)])
    chosen = choose_images(dataset, np.zeros((1, 16), np.uint8), np.ones(1, np.bool_), 0)
    assert chosen == {}
    nothing = Embeddings(np.zeros((0, 3), np.float16), np.array([-1]), "", "", 0, 0.0)
    found = find_shift(dataset, np.zeros((1, 16), np.uint8), nothing, 0.05, 10, 0, silent)
    assert [row.subject for row in found.measurements()] == [UNLABELLED]
    assert len(found.evidence()["shift.csv"]) == 0


@pytest.mark.parametrize("tests", [1, 999, 1000, 1001, 21_841])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_permutations_reach_the_level_for_one_class_among_all(tests: int, level: float) -> None:
    assert tests / (permutations_for(tests, level) + 1) < level


def test_seeds_depend_on_each_name() -> None:
    names = [("a", "bc"), ("ab", "c"), ("abc",), ("a", "b", "c"), ("a", "bd")]
    assert len({seed_of(seed, *some) for some in names for seed in (0, 1)}) == 10


# --- what is stored ----------------------------------------------------------------------------


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the comparisons that are made, by the images on their first side."""
    told: list[int] = []

    def counted(a: Vectors, b: Vectors, most: int, seed: Sequence[int]) -> two_samples.Comparison:
        told.append(len(a))
        return compare_samples(a, b, most, seed)

    monkeypatch.setattr(compared_splits, "compare_samples", counted)
    return told


def test_a_changed_label_compares_its_own_two_classes_again(
    compared: list[int], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    cells = {(s, c): kind(rng, 20 + i) for i, c in enumerate("abcd") for s in ("train", "val")}

    def found(cells: Cells) -> Mapping[tuple[str, str], Measurement]:
        return rows_of(find(cells, known=open_compared(open_store(tmp_path), "x", "float32")))

    first = found(cells)
    assert compared == [20, 21, 22, 23]
    assert found(cells) == first == rows_of(find(cells))
    assert compared == [20, 21, 22, 23] * 2  # the second time is that without a store
    moved = cells["train", "b"][:1]
    flipped = {
        **cells,
        ("train", "b"): cells["train", "b"][1:],
        ("train", "c"): np.concatenate([cells["train", "c"], moved]),
    }
    compared.clear()
    again = found(flipped)
    assert compared == [20, 23]
    assert {cell for cell in again if again[cell] != first[cell]} == {
        ("b", "train and val"),
        ("c", "train and val"),
    }


def test_stored_comparisons_depend_on_all_that_they_are_made_of(
    compared: list[int], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    cells = {(split, "a"): kind(rng, 20) for split in ("train", "val")}
    store = open_store(tmp_path)
    for embedder, bits, level, seed in (
        ("x", "float32", 0.05, 0),
        ("y", "float32", 0.05, 0),
        ("x", "bfloat16", 0.05, 0),
        ("x", "float32", 0.01, 0),  # more permutations
        ("x", "float32", 0.05, 1),
    ):
        compared.clear()
        for _ in range(2):
            find(cells, level=level, seed=seed, known=open_compared(store, embedder, bits))
        assert compared == [20]


# --- real pictures ------------------------------------------------------------------------------


def thumbnails(labels: Sequence[str]) -> dict[tuple[str, str], Vectors]:
    """16 x 16 thumbnails of Tiny ImageNet: a poor embedding, and enough to tell classes apart."""
    file = DATA / "tiny_imagenet_dev.zip"
    if not file.is_file():
        pytest.skip(f"{file} is missing, so no real split was compared")
    found: dict[tuple[str, str], list[NDArray[np.floating]]] = {}
    with ZipFile(file) as archive:
        (index,) = (name for name in archive.namelist() if name.endswith("/index.csv"))
        for row in csv.DictReader(io.StringIO(archive.read(index).decode())):
            if row["class_name"] in labels:
                data = archive.read(index.replace("index.csv", row["path"]))
                with Image.open(io.BytesIO(data)) as image:
                    small = image.convert("RGB").resize((16, 16), Image.Resampling.BOX)
                pixels = np.asarray(small, np.float64).ravel()
                cell = row["split"], row["class_name"]
                found.setdefault(cell, []).append(pixels - pixels.mean())
    return {
        cell: np.array([each / np.linalg.norm(each) for each in some], np.float16)
        for cell, some in found.items()
    }


def test_real_splits_are_alike_and_real_classes_are_not() -> None:
    found = thumbnails(["banana", "goose", "lemon", "snail"])
    result = find(found).evidence()["shift.csv"]
    assert (result["q"] > 0.05).all()
    assert result["effect"].between(0.35, 0.65).all()
    swapped = found | {("val", "goose"): found["val", "lemon"]}
    result = find(swapped).evidence()["shift.csv"].set_index("class")
    assert result.loc["goose", "q"] < 0.01
    assert result.loc["goose", "effect"] > 0.7
