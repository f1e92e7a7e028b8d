"""A dataset says of each image what its reader said, in any order."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from named_datasets import images_of

from labelgate.fixtures.dataset import UNLABELLED, SplitNames, assemble
from labelgate.fixtures.errors import DatasetError

names = st.text(min_size=1, max_size=3).filter(lambda text: text != UNLABELLED)


@st.composite
def split_names(draw: st.DrawFn) -> list[SplitNames]:
    splits = []
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        files = draw(st.lists(st.sampled_from("0123456789猫"), min_size=1, unique=True))
        labels = None if draw(st.booleans()) else [draw(st.sampled_from("xyz")) for _ in files]
        empty = draw(st.lists(st.sampled_from("vwx"), max_size=2)) if labels else []
        splits.append(SplitNames(name, [f"{name}/{file}" for file in files], labels, empty))
    return splits


def shuffle(split: SplitNames, order: list[int]) -> SplitNames:
    labels = split.labels
    return SplitNames(
        split.name,
        [split.paths[i] for i in order],
        None if labels is None else [labels[i] for i in order],
        list(reversed(split.empty_labels)),
    )


@settings(max_examples=100, deadline=None)
@given(split_names(), st.data())
def test_the_order_of_names_does_not_matter(splits: list[SplitNames], drawn: st.DataObject) -> None:
    one = assemble("x", Path("/x"), splits)
    shuffled = [shuffle(s, drawn.draw(st.permutations(range(len(s.paths))))) for s in splits]
    other = assemble("x", Path("/x"), drawn.draw(st.permutations(shuffled)))
    for name in ("paths", "splits", "labels", "subjects"):
        assert getattr(one, name) == getattr(other, name)
    for name in ("split_index", "label_index", "labelled"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@settings(max_examples=100, deadline=None)
@given(split_names())
def test_a_dataset_says_of_each_image_what_its_reader_said(splits: list[SplitNames]) -> None:
    dataset = assemble("x", Path("/x"), splits)
    expected = {
        path: (split.name, split.labels[i] if split.labels else None)
        for split in splits
        for i, path in enumerate(split.paths)
    }
    assert images_of(dataset) == expected
    assert int(dataset.count().sum()) == len(dataset.paths) == len(expected)
    for (subject, split), n in np.ndenumerate(dataset.count()):
        label = dataset.subjects[subject]
        cell = (dataset.splits[split], None if label == UNLABELLED else label)
        assert n == list(expected.values()).count(cell)


def test_a_path_in_two_splits_is_refused() -> None:
    splits = [SplitNames("a", ["x"], None), SplitNames("b", ["x"], ["y"])]
    with pytest.raises(DatasetError, match="'x' stands in 2 splits"):
        assemble("x", Path("/x"), splits)


def test_a_path_twice_in_one_split_is_refused() -> None:
    with pytest.raises(DatasetError):
        assemble("x", Path("/x"), [SplitNames("a", ["x", "x"], ["y", "z"])])


def test_what_is_asked_image_by_image_is_laid_out_once() -> None:
    dataset = assemble("x", Path("/x"), [SplitNames("a", ["a/1", "a/2"], ["cat", "dog"])])
    assert dataset.subject_index is dataset.subject_index
    assert dataset.subject_index.tolist() == [0, 1]
