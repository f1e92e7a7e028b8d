"""Distinct pictures and the places where they stand, against what a slow look says."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.pictures import Pictures

LayOut = Callable[[dict[str, int]], Any]

SCENES = st.dictionaries(
    st.tuples(st.sampled_from(("train/cat", "train/dog", "val/cat", "test")), st.integers(0, 9)),
    st.integers(-2, 5),
    min_size=1,
).map(lambda images: {f"{folder}/{name}": number for (folder, name), number in images.items()})
"""Images of two labelled splits and one without labels, among them copies and broken files."""


def cell_of(dataset: Dataset, image: int) -> tuple[int, int]:
    return int(dataset.split_index[image]), int(dataset.label_index[image])


@settings(deadline=None)
@given(scene=SCENES)
def test_an_image_belongs_to_the_first_with_the_same_pixels(
    lay_out: LayOut, scene: dict[str, int]
) -> None:
    dataset, _, pictures = lay_out(scene)
    numbers = [scene[path] for path in dataset.paths]
    expected = [numbers.index(number) if number >= 0 else -1 for number in numbers]
    assert pictures.picture.tolist() == expected
    assert pictures.distinct().tolist() == sorted({image for image in expected if image >= 0})


@settings(deadline=None)
@given(scene=SCENES)
def test_a_place_is_a_picture_in_a_split_under_a_label(
    lay_out: LayOut, scene: dict[str, int]
) -> None:
    dataset, _, pictures = lay_out(scene)
    members = defaultdict(list)
    for image, place in enumerate(pictures.place.tolist()):
        if place >= 0:
            members[place].append(image)
    assert sorted(members) == list(range(len(pictures.image)))
    seen = set()
    for place, images in members.items():
        kinds = {(int(pictures.picture[i]), *cell_of(dataset, i)) for i in images}
        told = (pictures.identity[place], pictures.split[place], pictures.label[place])
        assert kinds == {tuple(map(int, told))}
        assert pictures.image[place] == min(images)
        seen |= kinds
    assert len(seen) == len(members)


@settings(deadline=None)
@given(scene=SCENES)
def test_the_places_of_a_picture_lie_side_by_side(lay_out: LayOut, scene: dict[str, int]) -> None:
    _, _, pictures = lay_out(scene)
    start, count = pictures.places(pictures.distinct())
    found = [i for s, c in zip(start, count, strict=True) for i in range(s, s + c)]
    assert found == list(range(len(pictures.image)))
    assert (np.diff(pictures.identity) >= 0).all()


def test_only_images_without_pixels_have_no_place(lay_out: LayOut) -> None:
    dataset, _, pictures = lay_out({"train/cat/1": -1, "train/cat/2": 3, "train/cat/3": -1})
    broken = [path for path, place in zip(dataset.paths, pictures.place, strict=True) if place < 0]
    assert broken == ["train/cat/1", "train/cat/3"]


def test_a_dataset_without_a_single_picture_has_no_places(lay_out: LayOut) -> None:
    _, _, pictures = lay_out({"train/cat/1": -1, "val/cat/1": -1})
    assert pictures.picture.tolist() == pictures.place.tolist() == [-1, -1]
    assert pictures.distinct().size == pictures.image.size == 0


def test_a_picture_that_does_not_stand_anywhere_has_no_places(lay_out: LayOut) -> None:
    _, _, pictures = lay_out({"train/cat/1": 1, "train/cat/2": 1, "train/cat/3": 2})
    assert pictures.places(np.array([1]))[1].tolist() == [0]


@pytest.mark.parametrize("copies", [1, 20_000])
def test_copies_in_one_class_and_split_are_one_place(lay_out: LayOut, copies: int) -> None:
    _, _, pictures = lay_out({f"train/cat/{i:05}": 1 for i in range(copies)})
    assert isinstance(pictures, Pictures)
    assert pictures.image.tolist() == [0]
    assert (pictures.place == 0).all()
