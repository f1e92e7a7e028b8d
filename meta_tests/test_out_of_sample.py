"""Out-of-sample probabilities: folds, neighbours that may vote, and what imported files allow."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures import out_of_sample
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import PredictionsFile
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.folds import FOLDS, deal_folds
from labelgate.fixtures.out_of_sample import from_array, from_names, from_neighbors
from labelgate.fixtures.predictors import knn, scoring
from labelgate.fixtures.predictors.scoring import soften
from labelgate.fixtures.predictors.texts import Texts
from labelgate.fixtures.predictors.zero_shot import ZeroShot
from labelgate.fixtures.probabilities import OutOfSample


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_folds_depend_on_pixels_alone_are_even_and_hold_groups_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=200).astype(np.int32)
    group = np.where(rng.random(200) < 0.2, rng.integers(10, size=200), 1_000 + np.arange(200))
    key = rng.integers(256, size=(200, 16)).astype(np.uint8)
    fold = deal_folds(label, group, key)
    moved = rng.permutation(200)
    assert np.array_equal(deal_folds(label[moved], -group[moved], key[moved]), fold[moved])
    assert all(len(np.unique(fold[group == each])) == 1 for each in np.unique(group))
    for each in range(3):
        alone = fold[(label == each) & (group >= 1_000)]
        assert np.ptp(np.bincount(alone, minlength=FOLDS)) <= 1 + 10  # ten groups at most


def test_without_groups_folds_of_a_class_differ_by_one() -> None:
    key = np.random.default_rng(0).integers(256, size=(137, 16)).astype(np.uint8)
    fold = deal_folds(np.zeros(137, np.int32), np.arange(137), key)
    assert sorted(np.bincount(fold)) == [13] * 3 + [14] * 7


def test_neighbours_of_the_own_fold_and_near_duplicates_do_not_vote(
    lay_out: Callable[..., Any],
) -> None:
    paths = {f"train/{'ab'[i % 2]}/{i:02}": i + 1 for i in range(30)}
    dataset, pixels, pictures = lay_out(paths)
    picture, pairs = pictures.distinct(), np.array([[0, 15]])
    everyone = np.tile(np.arange(30), (30, 1))
    others = np.stack([np.delete(row, i) for i, row in enumerate(everyone)])
    cosine = np.zeros(others.shape, np.float32)
    said = from_neighbors(
        dataset, pictures, pixels.hashes, pairs, knn.Voters(picture, others, cosine)
    )
    near = np.where(picture == 15, 0, picture)
    fold = deal_folds(dataset.label_index, near, pixels.hashes)
    (rows,) = every(said)
    for i, row in enumerate(rows):
        heard = dataset.label_index[fold != fold[i]]
        assert np.allclose(row, np.bincount(heard, minlength=2) / len(heard))
    assert fold[0] == fold[15]


def test_where_nobody_may_vote_there_is_no_probability(lay_out: Callable[..., Any]) -> None:
    dataset, pixels, pictures = lay_out({"train/a/0": 1, "train/b/0": 2})
    found = np.array([[1], [0]]), np.zeros((2, 1), np.float32)
    pairs = np.array([[0, 1]])
    said = from_neighbors(
        dataset, pictures, pixels.hashes, pairs, knn.Voters(pictures.distinct(), *found)
    )
    assert len(said.images) == 0


def every(said: OutOfSample) -> list[Any]:
    return list(said.blocks(np.arange(len(said.images))))


def assert_known_in_short(said: OutOfSample, labels: Any) -> None:  # noqa: ANN401
    """What is known in short is what all probabilities tell."""
    assert said.known is not None
    told, laid_out = said.summarise(labels), replace(said, known=None).summarise(labels)
    for mine, theirs in zip(told, laid_out, strict=True):
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_votes_are_known_in_short(
    lay_out: Callable[..., Any], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knn, "BLOCK", block)
    rng = np.random.default_rng(0)
    paths = {f"train/{rng.integers(5)}/{i:02}": 1 + i % 35 for i in range(40)}
    dataset, pixels, pictures = lay_out(paths)
    picture = pictures.distinct()
    index = np.stack([rng.permutation(len(picture))[:6] for _ in picture]).astype(np.int32)
    index[rng.random(index.shape) < 0.3] = -1
    cosine = rng.choice([0.1, 0.1, 0.5], index.shape).astype(np.float32)
    pairs = np.zeros((0, 2), np.int64)
    said = from_neighbors(
        dataset, pictures, pixels.hashes, pairs, knn.Voters(picture, index, cosine)
    )
    assert 20 < len(said.images) <= 40
    for labels in (dataset.label_index, rng.integers(5, size=40).astype(np.int32)):
        assert_known_in_short(said, labels[said.images])


def write(folder: Path, rows: Any, classes: str, unknown: Any = "refuse") -> PredictionsFile:  # noqa: ANN401
    np.save(folder / "scores.npy", np.array(rows, np.float32))
    (folder / "paths.txt").write_text("val/1\nval/0\n")
    (folder / "classes.txt").write_text("\n".join(classes))
    files = [folder / name for name in ("scores.npy", "paths.txt", "classes.txt")]
    return PredictionsFile("net", *files, unknown)


@pytest.fixture
def dataset() -> Dataset:
    return assemble("memory", Path("/nowhere"), [SplitNames("val", ["val/0", "val/1"], ["a", "b"])])


def only(said: OutOfSample) -> list[list[float]]:
    assert not said.reason
    (rows,) = every(said)
    return [[round(float(cell), 4) for cell in row] for row in rows]


def test_imported_probabilities_come_in_the_order_of_images_and_classes(
    dataset: Dataset, tmp_path: Path
) -> None:
    said = from_array(write(tmp_path, [[0.9, 0.1], [0.2, 0.8]], "ba"), dataset)
    assert said.images.tolist() == [0, 1]
    assert only(said) == [[0.8, 0.2], [0.1, 0.9]]


def test_other_classes_are_left_out_and_the_rest_is_scaled(
    dataset: Dataset, tmp_path: Path
) -> None:
    file = write(tmp_path, [[0.6, 0.2, 0.2], [0.1, 0.4, 0.5]], "abc", "other")
    assert only(from_array(file, dataset)) == [[0.2, 0.8], [0.75, 0.25]]
    with pytest.raises(DatasetError, match="1 classes that the dataset does not have"):
        from_array(write(tmp_path, [[0.6, 0.2, 0.2]] * 2, "abc"), dataset)


@pytest.mark.parametrize(
    ("total", "fine"), [(0.98, False), (0.995, True), (1.005, True), (1.02, False)]
)
def test_rows_that_do_not_sum_to_one_are_no_probabilities(
    dataset: Dataset, tmp_path: Path, total: float, fine: bool
) -> None:
    said = from_array(write(tmp_path, [[0.5, total - 0.5], [0.5, 0.5]], "ab"), dataset)
    assert (said.reason == "") is fine
    assert fine or "no probabilities" in said.reason


def test_negative_scores_are_no_probabilities(dataset: Dataset, tmp_path: Path) -> None:
    said = from_array(write(tmp_path, [[1.5, -0.5], [0.5, 0.5]], "ab"), dataset)
    assert "no probabilities" in said.reason


@pytest.mark.parametrize("kind", ["<f2", ">f2", "<f4", "<f8"])
def test_every_float_means_what_numpy_says(tmp_path: Path, kind: str) -> None:
    halves = np.arange(0x3C01, dtype=np.uint16).view(np.float16)  # from 0 to 1
    scores = np.stack([halves, 1 - halves], axis=1).astype(kind)
    paths = [f"val/{i:05}" for i in range(len(scores))]
    labels = ["ab"[i % 2] for i in range(len(scores))]
    named = assemble("memory", Path("/nowhere"), [SplitNames("val", paths, labels)])
    file = write(tmp_path, [[1, 0]], "ab")
    np.save(file.table, scores)
    (tmp_path / "paths.txt").write_text("\n".join(paths))
    rows = np.concatenate(every(from_array(file, named)))
    expected = scores.astype(np.float32)
    assert np.array_equal(rows, expected / expected.sum(axis=1, keepdims=True))


def test_an_image_of_which_no_known_class_has_anything_is_left_out(
    dataset: Dataset, tmp_path: Path
) -> None:
    file = write(tmp_path, [[0, 0, 1], [0.1, 0.4, 0.5]], "abc", "drop")
    said = from_array(file, dataset)
    assert said.images.tolist() == [0]
    assert only(said) == [[0.2, 0.8]]


def test_a_wrong_row_is_named_by_its_place_in_the_file(dataset: Dataset, tmp_path: Path) -> None:
    """The files name val/1 first."""
    with pytest.raises(DatasetError, match=r"scores\.npy, row 2 has a score that is no finite"):
        from_array(write(tmp_path, [[0.5, 0.5], [0.5, np.nan]], "ab"), dataset)


def test_files_that_do_not_fit_each_other_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"shape \(1, 2\), paths\.txt has 2 lines"):
        from_array(write(tmp_path, [[0.5, 0.5]], "ab"), dataset)


def test_blocks_change_nothing(dataset: Dataset, tmp_path: Path) -> None:
    file = write(tmp_path, [[0.9, 0.1], [0.2, 0.8]], "ba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(out_of_sample, "BLOCK", 2)
        assert len(every(from_array(file, dataset))) == 2
        rows = np.concatenate(every(from_array(file, dataset)))
    assert np.array_equal(rows, every(from_array(file, dataset))[0])


def test_a_class_without_a_column_is_told(dataset: Dataset, tmp_path: Path) -> None:
    said = from_array(write(tmp_path, [[1], [1]], "a"), dataset)
    assert said.reason == "net does not know 1 of the 2 classes, as 'b'"


def test_the_best_few_classes_are_not_enough(dataset: Dataset, tmp_path: Path) -> None:
    said = from_array(PredictionsFile("net", tmp_path / "rows.csv"), dataset)
    assert said.reason.startswith("net has the best classes of each image")


@pytest.fixture
def named() -> Dataset:
    """Classes a and b are both called crane; `val/2` is of b, and `test/0` has no label."""
    splits = [
        SplitNames("val", [f"val/{i}" for i in range(6)], [*"acbcab"]),
        SplitNames("test", ["test/0"], None),
    ]
    names = {"name": {"a": "crane", "b": "crane", "c": "dam"}}
    return replace(assemble("memory", Path("/nowhere"), splits), class_columns=names)


def open_by_hand(dataset: Dataset, scale: float, bias: float) -> ZeroShot:
    """Vectors in an order of their own; `val/1` has no pixels, two images have equal ones."""
    rng = np.random.default_rng(0)
    vectors, texts = rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    vectors, texts = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in (vectors, texts)
    )
    row_of = dict(zip([f"val/{i}" for i in range(6)], [4, -1, 2, 0, 2, 1], strict=True))
    row = np.array([row_of.get(path, 3) for path in dataset.paths])
    said = Texts(texts.astype(np.float32), {"dam": 2, "heron": 1, "crane": 0}, scale, bias, 0, 0)
    return ZeroShot("clip", vectors.astype(np.float16), row, said)


@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (100.0, 0.0), (10.0, -16.5)])
@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_probabilities_of_names_are_the_softmax_of_scaled_cosines(
    named: Dataset, scale: float, bias: float, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_by_hand(named, scale, bias)
    monkeypatch.setattr(scoring, "BLOCK", block)
    said = from_names(opened, named)
    assert [named.paths[i] for i in said.images] == [f"val/{i}" for i in (0, 2, 3, 4, 5)]
    expected = []
    for image in said.images.tolist():
        vector = opened.vectors[opened.row[image]].astype(np.float64)
        logits = [float(vector @ opened.texts.vectors[text]) * scale + bias for text in (0, 0, 2)]
        powers = [math.exp(logit - max(logits)) for logit in logits]
        expected.append([power / sum(powers) for power in powers])
    for _ in range(2):  # blocks may be asked for again
        rows = np.concatenate(every(said))
        assert (rows.dtype, rows.shape) == (np.float32, (5, 3))
        np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-7)
        assert np.array_equal(rows[:, 0], rows[:, 1])


def test_where_no_image_has_pixels_names_say_nothing(named: Dataset) -> None:
    opened = open_by_hand(named, 1.0, 0.0)
    said = from_names(replace(opened, row=np.full(7, -1)), named)
    assert len(said.images) == len(every(said)) == 0
    assert_known_in_short(said, named.label_index[said.images])


def test_probabilities_of_names_are_known_in_short(named: Dataset) -> None:
    said = from_names(open_by_hand(named, 10.0, -16.5), named)
    assert_known_in_short(said, named.label_index[said.images])


def test_softmax_survives_large_logits() -> None:
    found = soften(np.array([[1000, 1000], [-1000, 1000]], np.float32))
    assert found.tolist() == [[0.5, 0.5], [0, 1]]
