"""Out-of-sample probabilities: folds, neighbours that may vote, and what imported files allow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import PredictionsFile
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.folds import FOLDS, deal_folds
from labelgate.fixtures.out_of_sample import OutOfSample, from_array, from_neighbors, soften


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
    said = from_neighbors(dataset, pictures, pixels.hashes, pairs, picture, (others, cosine))
    near = np.where(picture == 15, 0, picture)
    fold = deal_folds(dataset.label_index, near, pixels.hashes)
    (rows,) = said.blocks()
    for i, row in enumerate(rows):
        voters = dataset.label_index[fold != fold[i]]
        assert np.allclose(row, np.bincount(voters, minlength=2) / len(voters))
    assert fold[0] == fold[15]


def test_where_nobody_may_vote_there_is_no_probability(lay_out: Callable[..., Any]) -> None:
    dataset, pixels, pictures = lay_out({"train/a/0": 1, "train/b/0": 2})
    found = np.array([[1], [0]]), np.zeros((2, 1), np.float32)
    pairs = np.array([[0, 1]])
    said = from_neighbors(dataset, pictures, pixels.hashes, pairs, pictures.distinct(), found)
    assert len(said.images) == 0


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
    (rows,) = said.blocks()
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


def test_a_class_without_a_column_is_told(dataset: Dataset, tmp_path: Path) -> None:
    said = from_array(write(tmp_path, [[1], [1]], "a"), dataset)
    assert said.reason == "net does not know 1 of the 2 classes, as 'b'"


def test_the_best_few_classes_are_not_enough(dataset: Dataset, tmp_path: Path) -> None:
    said = from_array(PredictionsFile("net", tmp_path / "rows.csv"), dataset)
    assert said.reason.startswith("net has the best classes of each image")


def test_softmax_survives_large_logits() -> None:
    found = soften(np.array([[1000, 1000], [-1000, 1000]], np.float32))
    assert found.tolist() == [[0.5, 0.5], [0, 1]]
