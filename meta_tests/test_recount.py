"""The recount without duplicates: which images have one, and the arithmetic of the analysis."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures.edges import spread
from labelgate.fixtures.recount import (
    ACROSS,
    EXACT,
    NEAR,
    SEVEN,
    WITHIN,
    Recount,
    count_again,
    flag_exact,
    flag_near,
)

LayOut = Callable[[dict[str, int]], Any]

FOLDERS = ("train/cat", "train/dog", "val/cat", "test")
SCENES = st.dictionaries(
    st.tuples(st.sampled_from(FOLDERS), st.integers(0, 5)), st.integers(-1, 7), min_size=1
).map(lambda images: {f"{folder}/{name}": number for (folder, name), number in images.items()})
LINKS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=6)


def flags_of(lay_out: LayOut, scene: dict[str, int], links: list[tuple[int, int]]) -> Any:  # noqa: ANN401
    """The dataset, and its flags where pictures of these pairs of numbers are near duplicates."""
    dataset, _, pictures = lay_out(scene)
    numbers = np.array([scene[path] for path in dataset.paths])
    groups = [np.flatnonzero(numbers == n) for n in np.unique(numbers) if n >= 0]
    first = {scene[path]: i for i, path in reversed(list(enumerate(dataset.paths)))}
    known = [(first[a], first[b]) for a, b in links if a in first and b in first and a != b]
    edges = spread(pictures, np.array(known, np.int64).reshape(-1, 2))
    exact = flag_exact([group for group in groups if len(group) > 1], dataset.split_index)
    return dataset, {**exact, **flag_near(pictures, edges)}


@settings(deadline=None)
@given(scene=SCENES, links=LINKS)
def test_images_are_flagged_as_by_a_plain_search(
    lay_out: LayOut, scene: dict[str, int], links: list[tuple[int, int]]
) -> None:
    dataset, flags = flags_of(lay_out, scene, links)
    expected = {key: np.zeros(len(dataset.paths), bool) for key in flags}
    near = {frozenset(link) for link in links if len(set(link)) == 2}
    for i, j in combinations(range(len(dataset.paths)), 2):
        pair = frozenset((scene[dataset.paths[i]], scene[dataset.paths[j]]))
        place = WITHIN if dataset.split_index[i] == dataset.split_index[j] else ACROSS
        if min(pair) >= 0 and (len(pair) == 1 or pair in near):
            expected[EXACT if len(pair) == 1 else NEAR, place][[i, j]] = True
    assert set(flags) == {(kind, place) for kind in (EXACT, NEAR) for place in (WITHIN, ACROSS)}
    for key, flagged in flags.items():
        assert flagged.tolist() == expected[key].tolist(), key


@settings(deadline=None)
@given(data=st.data(), n=st.integers(0, 30))
def test_what_is_left_is_counted_image_by_image(data: Any, n: int) -> None:  # noqa: ANN401
    masks = st.lists(st.booleans(), min_size=n, max_size=n).map(lambda m: np.array(m, bool))
    right, counted = data.draw(masks), data.draw(masks)
    flags = {key: data.draw(masks) for key in SEVEN["all"]}
    left = count_again(right, counted, flags)
    for name, keys in SEVEN.items():
        kept = [i for i in range(n) if counted[i] and not any(flags[key][i] for key in keys)]
        assert left[name] == (len(kept), sum(bool(right[i]) for i in kept))


def test_what_is_not_known_is_not_counted() -> None:
    some = np.ones(3, np.bool_)
    left = count_again(some, some, {(EXACT, WITHIN): ~some, (EXACT, ACROSS): some})
    assert left["exact within"] == (3, 3)
    assert left["exact across"] == left["exact both"] == (0, 0)
    assert [name for name, counts in left.items() if counts is None] == [
        "near within", "near across", "near both", "all",
    ]  # fmt: skip
    assert Recount("clip", "val", (3, 3), left).changes() == {"exact within": 0.0}


def imagenet() -> Recount:
    """50,000 images as ImageNet-1k's val: 58 and 797 exact duplicates, 69 and 269 near ones.

    Seven wrong images are both; how many of each kind are right is read off the published figures.
    """
    right, flags = np.zeros(50_000, np.bool_), {}
    right[:42_305] = True
    first, wrong = 0, 42_305
    shares = ((58, 21, 0), (797, 352, 0), (69, 64, 0), (269, 218, 7))
    for key, (n, good, shared) in zip(SEVEN["all"], shares, strict=True):
        flags[key] = np.zeros(50_000, np.bool_)
        flags[key][first : first + good] = True
        flags[key][42_305 : 42_305 + shared] = True  # wrong, and exact duplicates as well
        flags[key][wrong : wrong + n - good - shared] = True
        first, wrong = first + good, wrong + n - good - shared
    counted = np.ones(50_000, np.bool_)
    return Recount("OpenCLIP", "val", (50_000, 42_305), count_again(right, counted, flags))


@pytest.mark.parametrize(
    ("name", "published"),
    [("exact within", 84.67), ("exact across", 85.27), ("exact both", 85.32),
     ("near within", 84.60), ("near across", 84.63), ("near both", 84.62), ("all", 85.32)],
)  # fmt: skip
def test_the_recount_gives_the_published_figures_of_openclip(name: str, published: float) -> None:
    found = imagenet()
    left = found.left[name]
    assert left is not None
    assert round(100 * left[1] / left[0], 2) == published
    assert found.changes()[name] == round(left[1] / left[0] - 0.8461, 10)


def test_images_without_a_duplicate_change_nothing() -> None:
    none = np.zeros(5, np.bool_)
    left = count_again(np.arange(5) < 3, ~none, dict.fromkeys(SEVEN["all"], none))
    found = Recount("clip", "val", (5, 3), left)
    assert set(found.changes().values()) == {0.0}
    assert Recount("clip", "val", (0, 0), dict.fromkeys(SEVEN, (0, 0))).changes() == {}
