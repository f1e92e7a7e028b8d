"""Planted copies through views: found from either side, unless another picture is nearer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelgate.fixtures import nearer as module
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.planted_rivals import compare, count_rivals
from labelgate.fixtures.planted_rivals import lay_out as lay_out_copies
from labelgate.fixtures.planted_views import find_through_views
from labelgate.fixtures.proposals import K

LayOut = Callable[[dict[str, int]], Any]
Scene = tuple[Any, Embeddings, NDArray[np.float16]]
OTHERS = 9
SPLIT = {f"train/a/{i}": i for i in range(1 + OTHERS)} | {"val/a/other": 1 + OTHERS}


def lying(angle: float) -> list[float]:
    return [float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))]


@pytest.fixture
def scene(lay_out: LayOut) -> Callable[..., Scene]:
    """Picture 0 and a copy by their angles, others at 90 degrees, one of val at 20."""

    def place(whole: float, view: float, copy: float, view_of_copy: float, rival: float) -> Scene:
        dataset, _, pictures = lay_out(SPLIT)
        angles = [whole, rival, *[90] * (OTHERS - 1), 20]
        stored = np.array([[lying(angle)] * 2 for angle in angles], np.float16)
        stored[0, 1] = lying(view)
        row = np.array([SPLIT[path] for path in dataset.paths])
        found = Embeddings(stored[:, 0], row, "", "", 0, 0.0, stored)
        return pictures, found, np.array([[[lying(copy), lying(view_of_copy)]]], np.float16)

    return place


@pytest.mark.parametrize(
    ("angles", "found", "degrees"),
    [
        ((180, 30, 20, 90, 90), True, 10),  # a view of the original is near the copy
        ((180, 270, 20, 170, 90), True, 10),  # a view of the copy is near the original
        ((180, 30, 20, 175, 90), True, 5),  # both: the nearer counts
        ((180, 30, 20, 90, 41), True, 10),  # another picture, just farther than the copy
        ((180, 30, 20, 90, 39), False, 10),  # another one is nearer to the view
        ((180, 30, 20, 185, 36), True, 5),  # but the other way is free
    ],
)
@pytest.mark.parametrize("block", [1, 2048])
def test_a_copy_is_found_where_nothing_is_nearer_to_a_view(
    scene: Callable[..., Scene],
    monkeypatch: pytest.MonkeyPatch,
    angles: tuple[float, ...],
    found: bool,
    degrees: float,
    block: int,
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    pictures, embeddings, copies = scene(*angles)
    sought, standing = lay_out_copies(copies, np.array([0]), pictures, embeddings)
    rivals = count_rivals(sought, np.ones((1, 1), np.bool_), standing)
    seen = find_through_views(sought.similarity, rivals)
    assert seen.found.tolist() == [[found]]
    assert seen.distance[0, 0] == pytest.approx(1 - np.cos(np.radians(degrees)), abs=2e-3)


def test_what_views_find_counts_where_the_whole_has_k_nearer_ones(
    scene: Callable[..., Scene],
) -> None:
    pictures, embeddings, copies = scene(200, 30, 20, 90, 90)
    whole = compare(copies[:, :, 0], np.array([0]), pictures, embeddings)
    through = compare(copies, np.array([0]), pictures, embeddings)
    assert whole[1][0, 0] >= K
    assert through[1].tolist() == [[0]]
    assert through[0][0, 0] < whole[0][0, 0]


def test_the_whole_counts_where_it_is_nearer_than_views(scene: Callable[..., Scene]) -> None:
    pictures, embeddings, copies = scene(22, 30, 20, 90, 90)
    whole = compare(copies[:, :, 0], np.array([0]), pictures, embeddings)
    through = compare(copies, np.array([0]), pictures, embeddings)
    assert [part.tolist() for part in through] == [part.tolist() for part in whole]
