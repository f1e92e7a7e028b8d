"""Planted copies are sought once for each state of the pictures, and labels are no part of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelgate.fixtures import planted_search
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.planted_search import Found, find_copies
from labelgate.fixtures.store import open_store

LayOut = Callable[[dict[str, int]], Any]

PLACES = {"train/a/1": 0, "train/a/2": 1, "val/a/3": 2}


@pytest.fixture
def sought(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the searches."""
    told: list[int] = []
    compare = planted_search.compare

    def counted(copies: object, drawn: np.ndarray, *rest: object) -> Found:
        told.append(len(drawn))
        return compare(copies, drawn, *rest)

    monkeypatch.setattr(planted_search, "compare", counted)
    return told


def find(lay_out: LayOut, places: dict[str, int], store: Path, turned: float = 0.0) -> Found:
    dataset, pixels, pictures = lay_out(places)
    angles = np.array([[0.2 * places[path], 1] for path in dataset.paths])
    vectors = (angles / np.linalg.norm(angles, axis=1, keepdims=True)).astype(np.float16)
    found = Embeddings(vectors, np.arange(len(vectors)), "x", "y", 0, 0.0)
    copies = np.array([[[turned, 1]]], np.float16)
    drawn = np.array([dataset.index_of["val/a/3" if "val/a/3" in places else "val/b/3"]])
    return find_copies(dataset, pixels, pictures, found, copies, drawn, open_store(store))


def test_a_second_search_reads_what_the_first_one_found(
    lay_out: LayOut, sought: list[int], tmp_path: Path
) -> None:
    first, again = (find(lay_out, PLACES, tmp_path) for _ in range(2))
    assert sought == [1]
    assert [each.tolist() for each in first] == [each.tolist() for each in again]
    assert [each.dtype for each in first] == [each.dtype for each in again]


def test_another_label_or_name_needs_no_search(
    lay_out: LayOut, sought: list[int], tmp_path: Path
) -> None:
    find(lay_out, PLACES, tmp_path)
    find(lay_out, {"train/b/1": 0, "train/a/0": 1, "val/b/3": 2}, tmp_path)
    assert sought == [1]


@pytest.mark.parametrize(
    ("places", "turned"),
    [
        (PLACES | {"train/a/4": 3}, 0.0),  # an added picture
        ({"train/a/1": 0, "val/a/3": 2}, 0.0),  # a removed one
        ({"train/a/1": 0, "val/a/2": 1, "val/a/3": 2}, 0.0),  # one in another split
        (PLACES, 0.1),  # another copy
    ],
)
def test_what_changes_the_answer_is_sought_again(
    lay_out: LayOut, sought: list[int], tmp_path: Path, places: dict[str, int], turned: float
) -> None:
    find(lay_out, PLACES, tmp_path)
    changed = find(lay_out, places, tmp_path, turned)
    assert sought == [1, 1]
    fresh = find(lay_out, places, tmp_path / "other", turned)
    assert [each.tolist() for each in changed] == [each.tolist() for each in fresh]
