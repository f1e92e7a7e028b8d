"""Edges between places and what they connect, against loops over every combination."""

import tracemalloc
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelgate.fixtures import edges as module
from labelgate.fixtures.edges import FEW, Edges, connect, spread
from labelgate.fixtures.pictures import Pictures

LayOut = Callable[[dict[str, int]], Any]
Links = list[tuple[int, int]]

SCENES = st.dictionaries(
    st.tuples(st.sampled_from(("train/cat", "train/dog", "val/cat", "test")), st.integers(0, 4)),
    st.integers(-1, 4),
    min_size=1,
).map(lambda images: {f"{folder}/{name}": number for (folder, name), number in images.items()})

LINKS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12)


def as_pairs(links: Links) -> NDArray[np.int64]:
    return np.array(links, np.int64).reshape(-1, 2)


@settings(deadline=None)
@given(scene=SCENES, data=st.data())
def test_a_pair_stands_wherever_both_its_pictures_do(
    lay_out: LayOut, scene: dict[str, int], data: st.DataObject
) -> None:
    pictures = lay_out(scene)[2]
    known = pictures.distinct().tolist()
    ends = st.sampled_from([*known, 99])  # 99 stands nowhere
    links = data.draw(st.lists(st.tuples(ends, ends), max_size=6))
    edges = spread(pictures, as_pairs(links))
    places = {p: np.flatnonzero(pictures.identity == p).tolist() for p in [*known, 99]}
    expected = [
        (number, a, b)
        for number, (x, y) in enumerate(links)
        for a, b in product(places[x], places[y])
    ]
    assert list(zip(edges.pair, edges.a, edges.b, strict=True)) == expected


def test_a_picture_that_stands_nowhere_has_no_edges(lay_out: LayOut) -> None:
    pictures = lay_out({"train/cat/1": 1, "train/cat/2": 1, "train/cat/3": 2})[2]
    edges = spread(pictures, as_pairs([(1, 2), (0, 1), (0, 2)]))
    assert edges.pair.tolist() == [2]


def test_chosen_edges_are_those_of_the_mask(lay_out: LayOut) -> None:
    pictures = lay_out({"train/cat/1": 1, "val/cat/1": 1, "train/cat/2": 2})[2]
    edges = spread(pictures, as_pairs([(0, 1)]))
    assert len(edges.pair) == 2
    kept = edges.chosen(np.array([False, True]))
    assert (kept.a.tolist(), kept.b.tolist()) == ([edges.a[1]], [edges.b[1]])


def test_edges_of_20000_copies_and_a_near_duplicate_take_next_to_no_memory(
    lay_out: LayOut,
) -> None:
    many = {f"{split}/cat/{i:05}": 1 for i in range(10_000) for split in ("train", "val")}
    pictures = lay_out(many | {"val/cat/other": 2})[2]
    pair = as_pairs([tuple(pictures.distinct().tolist())])
    tracemalloc.start()
    edges = spread(pictures, pair)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(edges.pair) == 2
    assert peak < 100_000


def sorts(pictures: Pictures, edges: Edges) -> set[tuple[int, int, int, bool]]:
    """Each place with the split of a partner, and whether both have one label."""
    alike = pictures.label[edges.a] == pictures.label[edges.b]
    both = ((edges.a, edges.b), (edges.b, edges.a))
    return {
        (int(n), int(own), int(pictures.split[other]), bool(same))
        for owns, others in both
        for n, own, other, same in zip(edges.pair, owns, others, alike, strict=True)
    }


@settings(deadline=None)
@given(scene=SCENES, links=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=4))
def test_where_edges_are_thinned_a_place_keeps_one_of_each_sort(
    lay_out: LayOut, scene: dict[str, int], links: Links
) -> None:
    pictures = lay_out(scene)[2]
    everything = spread(pictures, as_pairs(links))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", 0)
        thinned = spread(pictures, as_pairs(links))
    all_of_them = set(zip(everything.pair, everything.a, everything.b, strict=True))
    kept = list(zip(thinned.pair, thinned.a, thinned.b, strict=True))
    assert set(kept) <= all_of_them
    assert len(set(kept)) == len(kept)
    assert sorts(pictures, thinned) == sorts(pictures, everything)
    assert (np.diff(thinned.pair) >= 0).all()


@pytest.mark.parametrize("classes", [5, 6, 400])
def test_two_pictures_that_stand_in_every_class_have_few_edges(
    lay_out: LayOut, classes: int
) -> None:
    """Two sizes of "no image available" would have (2 x classes) squared edges."""
    folders = [f"{split}/{c:03}" for split in ("train", "val") for c in range(classes)]
    scene = {f"{folder}/{i}": i for folder in folders for i in (0, 1)}
    pictures = lay_out(scene)[2]
    edges = spread(pictures, as_pairs([(0, 1)]))
    full = (2 * classes) ** 2
    assert len(edges.pair) == full if full <= FEW else len(edges.pair) <= 16 * classes
    assert set(edges.a) | set(edges.b) == set(range(4 * classes))


@settings(deadline=None)
@given(links=LINKS, spare=st.integers(0, 3))
def test_components_carry_their_lowest_member(links: Links, spare: int) -> None:
    n = 9 + spare
    expected = list(range(n))
    for _ in links:
        for a, b in links:
            low = min(expected[a], expected[b])
            expected[a] = expected[b] = low
    linked = {end for link in links for end in link}
    expected = [low if i in linked else -1 for i, low in enumerate(expected)]
    assert connect(as_pairs(links), n).tolist() == expected


@settings(deadline=None)
@given(links=LINKS, seed=st.integers(0, 9))
def test_components_do_not_depend_on_the_order_of_pairs(links: Links, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(as_pairs(links))
    assert connect(shuffled, 9).tolist() == connect(as_pairs(links)[:, ::-1], 9).tolist()


@pytest.mark.parametrize("times", [1, 127, 128, 256, 512])
def test_a_pair_that_is_named_often_still_connects(times: int) -> None:
    assert connect(as_pairs([(1, 2)] * times), 3).tolist() == [-1, 1, 1]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_without_pairs_nothing_is_connected(n: int) -> None:
    assert connect(as_pairs([]), n).tolist() == [-1] * n


def test_a_long_chain_is_one_component() -> None:
    chain = np.stack([np.arange(99_999), np.arange(1, 100_000)], axis=1)
    assert (connect(chain, 100_000) == 0).all()
