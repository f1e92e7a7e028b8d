"""Which files are no images, and how many images each class has, cell by cell."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures.dataset import UNLABELLED, Dataset, SplitNames, assemble
from labelgate.fixtures.files import Files
from labelgate.fixtures.measurements import Measurement

DECODES, ENOUGH = "every_image_decodes", "classes_have_enough_images"


@pytest.fixture
def dataset() -> Dataset:
    """Sorted: test/0 test/1 train/0 train/1 train/2 val/0."""
    splits = [
        SplitNames("train", ["train/0", "train/1", "train/2"], ["cat", "cat", "dog"], ["ox"]),
        SplitNames("val", ["val/0"], ["dog"]),
        SplitNames("test", ["test/0", "test/1"], None),
    ]
    return assemble("x", Path("/x"), splits, frozenset({"cat", "ox", "yak"}))


def cells(files: Files, name: str) -> dict[tuple[str, str], Measurement]:
    rows = [row for row in files.measurements() if row.property == name]
    assert len({(row.subject, row.split) for row in rows}) == len(rows)
    return {(row.subject, row.split): row for row in rows}


def test_files_that_are_no_images_are_counted_in_their_cell_and_named(dataset: Dataset) -> None:
    found = cells(Files(dataset, {1: "0 bytes", 2: "cut short", 3: "a pipe"}), DECODES)
    assert {cell: (row.value, row.n) for cell, row in found.items()} == {
        ("cat", "train"): (2, 2),
        ("dog", "train"): (0, 1),
        ("dog", "val"): (0, 1),
        (UNLABELLED, "test"): (1, 2),
    }
    assert found["cat", "train"].note == "train/0: cut short"
    assert found["cat", "train"].examples == [[2], [3]]
    assert found["dog", "val"].note == ""


def test_images_are_counted_for_each_class_in_each_labelled_split(dataset: Dataset) -> None:
    found = cells(Files(dataset, {}), ENOUGH)
    assert {cell: (row.value, row.n) for cell, row in found.items()} == {
        ("cat", "train"): (2, 2),
        ("cat", "val"): (0, 0),
        ("dog", "train"): (0, 1),
        ("dog", "val"): (0, 1),
        ("ox", "train"): (0, 0),
        ("ox", "val"): (0, 0),
        ("yak", "train"): (0, 0),
        ("yak", "val"): (0, 0),
        (UNLABELLED, ""): (None, 2),
    }


def test_a_label_that_is_not_in_the_class_table_says_so(dataset: Dataset) -> None:
    note = cells(Files(dataset, {}), ENOUGH)["dog", "train"].note
    for word in ("'dog'", "1 images", "not in the class table"):
        assert word in note


def test_images_without_a_label_are_not_measured_with_a_reason(dataset: Dataset) -> None:
    row = cells(Files(dataset, {}), ENOUGH)[UNLABELLED, ""]
    assert row.value is None
    assert "no label" in row.reason


def test_without_a_class_table_every_label_is_a_class() -> None:
    splits = [SplitNames("train", ["a", "b"], ["cat", "dog"])]
    found = cells(Files(assemble("x", Path("/x"), splits), {}), ENOUGH)
    assert {cell: row.value for cell, row in found.items()} == {
        ("cat", "train"): 1,
        ("dog", "train"): 1,
    }


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 5)))
def test_every_problem_is_counted_once_and_stands_in_the_evidence(bad: set[int]) -> None:
    splits = [
        SplitNames("a", ["a/0", "a/1", "a/2"], ["x", "y", "x"]),
        SplitNames("b", ["b/0", "b/1", "b/2"], None),
    ]
    files = Files(assemble("x", Path("/x"), splits), {i: f"why {i}" for i in sorted(bad)})
    assert sum(row.value or 0 for row in cells(files, DECODES).values()) == len(bad)
    table = files.evidence()["undecodable.csv"]
    assert table["path"].tolist() == [files.dataset.paths[i] for i in sorted(bad)]
    assert table["problem"].tolist() == [f"why {i}" for i in sorted(bad)]
    assert dict(files.figures())["files that are no acceptable image"] == len(bad)
