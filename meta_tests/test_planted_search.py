"""Planted copies are sought among what is new, and what is found is what a whole search finds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelgate.fixtures import planted_rivals
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.planted_rivals import compare
from labelgate.fixtures.planted_search import Found, find_copies
from labelgate.fixtures.store import open_store

LayOut = Callable[[dict[str, int]], Any]

PLACES = {f"train/a/{i}": i for i in range(8)} | {f"val/a/{i}": 8 + i for i in range(3)}
DRAWN = (1, 4, 9)
"""Numbers of the pictures whose copies are sought, as far as they are there."""


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the pairs of vectors that are compared."""
    told: list[int] = []
    count = planted_rivals.count_above

    def counted(queries: Any, limits: Any, own: Any, others: Any, *rest: Any) -> Any:  # noqa: ANN401
        told.append(len(queries) * len(others))
        return count(queries, limits, own, others, *rest)

    monkeypatch.setattr(planted_rivals, "count_above", counted)
    return told


def lay(
    lay_out: LayOut, places: dict[str, int], views: int, coarse: bool, other: int | None
) -> tuple[Any, Any, Embeddings, NDArray[np.float16], NDArray[np.int64]]:
    """A dataset of pictures with vectors, and two copies of each that is drawn."""
    dataset, pixels, pictures = lay_out(places)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 1 + views, 6))
    copies = vectors[:, None] + 1.5 * rng.normal(size=(40, 2, 1 + views, 6))
    if coarse:  # many are equally near
        vectors, copies = np.sign(vectors), np.sign(copies)
    if other is not None:
        copies[other] = rng.normal(size=copies.shape[1:])
    halves = [
        (each / np.linalg.norm(each, axis=-1, keepdims=True)).astype(np.float16)
        for each in (vectors, copies)
    ]
    row = np.array([places[path] for path in dataset.paths])
    distinct = pictures.distinct()
    drawn = distinct[np.isin(row[distinct], DRAWN)]
    made = halves[1][row[drawn]]
    seen = halves[0] if views else None
    found = Embeddings(halves[0][:, 0], row, "x", "y", 0, 0.0, seen)
    return pixels, pictures, found, made if views else made[:, :, 0], drawn


def find(
    lay_out: LayOut,
    places: dict[str, int],
    store: Path,
    *,
    views: int = 0,
    coarse: bool = False,
    other: int | None = None,
) -> Found:
    pixels, pictures, found, copies, drawn = lay(lay_out, places, views, coarse, other)
    return find_copies(pixels, pictures, found, copies, drawn, open_store(store))


def same(a: Found, b: Found) -> bool:
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b, strict=True))


scenes = st.dictionaries(
    st.tuples(st.sampled_from(("train/a", "train/b", "val/a")), st.integers(0, 9)),
    st.integers(0, 20),
    min_size=1,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(scenes, min_size=2, max_size=4), st.integers(0, 2), st.booleans())
def test_whatever_changes_the_answer_is_that_of_a_whole_search(
    lay_out: LayOut,
    tmp_path_factory: pytest.TempPathFactory,
    given_scenes: list[dict[tuple[str, int], int]],
    views: int,
    coarse: bool,
) -> None:
    folder, together = tmp_path_factory.mktemp("copies"), dict[tuple[str, int], int]()
    for number, scene in enumerate(given_scenes):
        together = {**together, **scene} if number % 2 else scene
        places = {f"{where}/{name}": i for (where, name), i in together.items()}
        found = find(lay_out, places, folder, views=views, coarse=coarse)
        _, pictures, embeddings, copies, drawn = lay(lay_out, places, views, coarse, None)
        assert same(found, compare(copies, drawn, pictures, embeddings))


@pytest.mark.parametrize("views", [0, 1])
def test_a_second_search_reads_what_the_first_one_found(
    lay_out: LayOut, compared: list[int], tmp_path: Path, views: int
) -> None:
    first = find(lay_out, PLACES, tmp_path, views=views)
    whole = sum(compared)
    assert whole == (2 * 2 * 8 + 2 * 3 if not views else 2 * (2 * 2 * 8 + 2 * 3) + 2 * 8 + 3)
    assert same(first, find(lay_out, PLACES, tmp_path, views=views))
    assert sum(compared) == whole


@pytest.mark.parametrize(
    ("places", "pairs"),
    [
        ({path.replace("/a/", "/b/"): i for path, i in PLACES.items()}, 0),  # of another class
        ({path.replace("train/a/0", "train/a/9"): i for path, i in PLACES.items()}, 0),  # renamed
        (PLACES | {"train/a/new": 30}, 2 * 2),  # two originals stand in train
        (PLACES | {"val/a/new": 30, "val/a/more": 31}, 2 * 2),  # one in val
        (PLACES | {"train/a/4": 30}, 2 * 8 + 2),  # the original of a copy went: the other's, anew
    ],
)
def test_only_what_is_new_is_compared(
    lay_out: LayOut, compared: list[int], tmp_path: Path, places: dict[str, int], pairs: int
) -> None:
    find(lay_out, PLACES, tmp_path)
    compared.clear()
    changed = find(lay_out, places, tmp_path)
    assert sum(compared) <= pairs
    assert same(changed, find(lay_out, places, tmp_path / "other"))


def test_where_something_went_those_that_had_nobody_nearer_are_not_compared_again(
    lay_out: LayOut, compared: list[int], tmp_path: Path
) -> None:
    nearer = find(lay_out, PLACES, tmp_path)[1]
    in_val = np.count_nonzero(nearer[:, 2])
    assert 0 < np.count_nonzero(nearer[:, :2]) < 4
    compared.clear()
    find(lay_out, {p: i for p, i in PLACES.items() if p != "train/a/7"}, tmp_path)
    assert sum(compared) == 7 * np.count_nonzero(nearer[:, :2])
    compared.clear()
    find(lay_out, {p: i for p, i in PLACES.items() if p not in ("train/a/7", "val/a/2")}, tmp_path)
    assert sum(compared) == 2 * in_val


def test_other_copies_of_a_picture_are_compared_with_all(
    lay_out: LayOut, compared: list[int], tmp_path: Path
) -> None:
    find(lay_out, PLACES, tmp_path)
    compared.clear()
    changed = find(lay_out, PLACES, tmp_path, other=4)
    assert sum(compared) == 2 * 8
    assert same(changed, find(lay_out, PLACES, tmp_path / "other", other=4))


@pytest.mark.parametrize("table", ["states", "standing", "found-copies"])
def test_without_any_part_of_what_is_known_all_is_compared(
    lay_out: LayOut, compared: list[int], tmp_path: Path, table: str
) -> None:
    find(lay_out, PLACES, tmp_path)
    for part in tmp_path.glob(f"v1/{table}-*/part-*.parquet"):
        part.write_bytes(b"PAR1 half a part")
    compared.clear()
    changed = find(lay_out, PLACES | {"train/a/new": 30}, tmp_path)
    assert sum(compared) == 2 * 2 * 9 + 2 * 3
    assert same(changed, find(lay_out, PLACES | {"train/a/new": 30}, tmp_path / "other"))
