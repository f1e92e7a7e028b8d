"""Sources, found and declared: shares, bounds, effective numbers, and what crosses splits."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import exp, log
from typing import Any

import numpy as np
import pytest
from declared import sources_by_path
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.edges import spread
from labelgate.fixtures.measurements import Measurement
from labelgate.fixtures.near_duplicates import NearDuplicates
from labelgate.fixtures.sources import Sources, find_sources

LayOut = Callable[[dict[str, int]], Any]
Links = list[tuple[int, int]]

DOMINATES, CROSS = "no_source_dominates", "sources_do_not_cross_splits"
FOLDERS = ("train/cat", "train/dog", "val/cat", "test")
SCENES = st.dictionaries(
    st.tuples(st.sampled_from(FOLDERS), st.integers(0, 5)), st.integers(-1, 7), min_size=1
).map(lambda images: {f"{folder}/{name}": number for (folder, name), number in images.items()})
LINKS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=6)
DECLARED = st.lists(st.sampled_from((None, "x", "y", "z")), min_size=24, max_size=24)


def near_of(lay_out: LayOut, scene: dict[str, int], links: Links) -> NearDuplicates:
    """Only what sources are found by: pictures and edges."""
    dataset, _, pictures = lay_out(scene)
    first = {scene[path]: i for i, path in reversed(list(enumerate(dataset.paths)))}
    known = [(first[a], first[b]) for a, b in links if a in first and b in first and a != b]
    edges = spread(pictures, np.array(known, np.int64).reshape(-1, 2))
    return NearDuplicates(dataset, pictures, None, edges, 0, 0.95)  # type: ignore[arg-type]


def sources_of(
    lay_out: LayOut,
    scene: dict[str, int],
    links: Links = [],  # noqa: B006
    declared: dict[str, str] | None = None,
    least: int = 10,
) -> Sources:
    near = near_of(lay_out, scene, links)
    named = None if declared is None else sources_by_path(near.dataset, declared)
    dataset = replace(near.dataset, sources=named)
    found = find_sources(near.pictures, near)
    return Sources(dataset, found, None if named is None else named.number, 0.95, least)


def cells(sources: Sources) -> dict[tuple[str, str, str], Measurement]:
    return {(row.property, row.subject, row.split): row for row in sources.measurements()}


def place(data: Dataset, image: int) -> tuple[str, str | None]:
    return data.split_of(image), data.label_of(image)


def tell(scene: dict[str, int], names: list[str | None]) -> dict[str, str]:
    return {path: name for path, name in zip(sorted(scene), names, strict=False) if name}


# --- found --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(scene=SCENES, links=LINKS)
def test_found_sources_connect_copies_and_near_duplicates_of_a_class_and_split(
    lay_out: LayOut, scene: dict[str, int], links: Links
) -> None:
    sources = sources_of(lay_out, scene, links)
    data, found = sources.dataset, sources.found.tolist()
    numbers = [scene[path] for path in data.paths]
    near = {frozenset(link) for link in links} | {frozenset({n}) for n in numbers if n >= 0}
    expected = list(range(len(numbers)))
    for _ in range(len(numbers)):
        for i, j in combinations(range(len(numbers)), 2):
            if place(data, i) == place(data, j) and {numbers[i], numbers[j]} in near:
                expected[i] = expected[j] = min(expected[i], expected[j])
    for i, j in combinations(range(len(numbers)), 2):
        if min(numbers[i], numbers[j]) >= 0:
            assert (found[i] == found[j]) == (expected[i] == expected[j])
    assert [source < 0 for source in found] == [number < 0 for number in numbers]


def test_a_dataset_without_a_picture_has_no_sources(lay_out: LayOut) -> None:
    sources = sources_of(lay_out, {"train/cat/1": -1, "val/cat/1": -1})
    row = cells(sources)[DOMINATES, "cat", "train"]
    assert row.value is None
    assert row.reason == "0 decoded images, at least 10 are needed to tell a share"
    assert len(sources.evidence()["sources.csv"]) == 0
    assert sources.figures()


# --- one source dominates -----------------------------------------------------------------------


@pytest.mark.parametrize(("images", "measured"), [(9, False), (10, True), (11, True)])
def test_a_share_is_told_from_the_least_number_of_images_on(
    lay_out: LayOut, images: int, measured: bool
) -> None:
    scene = {f"train/cat/{i:02}": i for i in range(images)} | {"train/cat/broken": -1}
    row = cells(sources_of(lay_out, scene))[DOMINATES, "cat", "train"]
    assert (row.value is not None) is measured
    if measured:
        assert (row.value, row.n) == (1 / images, images)
        assert row.examples == []
    else:
        assert "9 decoded images, at least 10" in row.reason


@pytest.mark.parametrize("size", [1, 2, 10, 16, 17, 34, 50])
def test_the_share_of_the_largest_source_is_judged_by_its_lower_bound(
    lay_out: LayOut, size: int
) -> None:
    scene = {f"val/planetarium/{i:02}": i for i in range(50)}
    links = [(i, i + 1) for i in range(size - 1)]
    row = cells(sources_of(lay_out, scene, links))[DOMINATES, "planetarium", "val"]
    assert (row.value, row.n, row.judged) == (size / 50, 50, row.low)
    assert row.low is not None
    assert row.high is not None
    assert binom.sf(size - 1, 50, row.low) == pytest.approx(0.025)
    assert size == 50 or binom.cdf(size, 50, row.high) == pytest.approx(0.025)
    assert (row.low > 0.2) is (size >= 17)  # 16 of 50 are 0.32, and could be a fifth
    sizes = [size] + [1] * (50 - size)
    effective = exp(-sum(n / 50 * log(n / 50) for n in sizes))
    assert f"; {effective:.1f} effective sources" in row.note
    assert row.note.startswith(f"{size} of one source, val/planetarium/00 among them")
    assert row.examples == ([list(range(size))] if size > 1 else [])


def test_sources_of_several_images_are_shown_largest_first(lay_out: LayOut) -> None:
    scene = {f"val/planetarium/{i:02}": i for i in range(12)}
    links = [(0, 1), (3, 4), (4, 5), (8, 9)]
    row = cells(sources_of(lay_out, scene, links))[DOMINATES, "planetarium", "val"]
    assert row.examples == [[3, 4, 5], [0, 1], [8, 9]]
    assert row.captions == [f"one source: {n} of 12 images" for n in (3, 2, 2)]
    named = {path: "film" if i in (6, 7) else f"alone {i}" for i, path in enumerate(scene)}
    row = cells(sources_of(lay_out, scene, links, named))[DOMINATES, "planetarium", "val"]
    assert (row.examples, row.captions) == ([[6, 7]], ["film: 2 of 12 images"])


@settings(deadline=None)
@given(scene=SCENES, links=LINKS, names=st.none() | DECLARED)
def test_shares_are_those_of_a_slow_count(
    lay_out: LayOut, scene: dict[str, int], links: Links, names: list[str | None] | None
) -> None:
    declared = None if names is None else tell(scene, names)
    sources = sources_of(lay_out, scene, links, declared, least=2)
    data = sources.dataset
    used = sources.found.tolist()
    if declared is not None:
        used = [declared.get(path, -1) for path in data.paths]
    told = cells(sources)
    table = sources.evidence()["sources.csv"].set_index(["class", "split"])
    for label, split, images in data.cells():
        sizes = Counter(used[i] for i in images if used[i] != -1)
        row, n = told[DOMINATES, label, split], sum(sizes.values())
        if n < 2:
            assert row.value is None
            assert str(n) in row.reason
        else:
            assert (row.value, row.n) == (max(sizes.values()) / n, n)
        if n:
            line = table.loc[(label, split)]
            counts = (line["images"], line["sources"], line["largest"])
            assert counts == (n, len(sizes), max(sizes.values()))
            assert line["share"] == pytest.approx(max(sizes.values()) / n, abs=1e-4)
            assert line["method"] == ("found" if declared is None else "declared")
        else:
            assert (label, split) not in table.index
    assert table["share"].is_monotonic_decreasing


# --- declared -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(scene=SCENES, names=DECLARED)
def test_images_cross_whose_source_has_images_in_another_split(
    lay_out: LayOut, scene: dict[str, int], names: list[str | None]
) -> None:
    declared = tell(scene, names)
    sources = sources_of(lay_out, scene, [], declared)
    data, told = sources.dataset, cells(sources)
    splits = defaultdict(set)
    members = defaultdict(list)
    for i, path in enumerate(data.paths):
        splits[declared.get(path)].add(data.split_of(i))
        members[declared.get(path)].append(i)
    for label, split, images in data.cells():
        row = told[CROSS, label, split]
        known = [i for i in images.tolist() if data.paths[i] in declared]
        if not known:
            assert row.value is None
            assert f"none of these {len(images)} images has a declared source" in row.reason
            continue
        crossing = [i for i in known if len(splits[declared[data.paths[i]]]) > 1]
        assert (row.value, row.n) == (len(crossing), len(known))
        groups = [members[name] for name in sorted({declared[data.paths[i]] for i in crossing})]
        assert row.examples == groups
        assert (row.note != "") == bool(crossing)


def test_without_declared_sources_crossing_is_not_measured(lay_out: LayOut) -> None:
    row = cells(sources_of(lay_out, {"train/cat/1": 1}))[CROSS, "cat", "train"]
    assert row.value is None
    assert "declares no sources" in row.reason


@settings(deadline=None)
@given(scene=SCENES, links=LINKS, names=DECLARED)
def test_agreement_is_that_of_a_loop_over_all_pairs(
    lay_out: LayOut, scene: dict[str, int], links: Links, names: list[str | None]
) -> None:
    declared = tell(scene, names)
    sources = sources_of(lay_out, scene, links, declared)
    data, found = sources.dataset, sources.found
    known = [i for i, p in enumerate(data.paths) if p in declared and found[i] >= 0]
    alike = [(i, j) for i, j in combinations(known, 2) if place(data, i) == place(data, j)]
    theirs = {(i, j) for i, j in alike if declared[data.paths[i]] == declared[data.paths[j]]}
    ours = {(i, j) for i, j in alike if found[i] == found[j]}
    (_, one), (_, two), (_, three), (_, four), _ = sources.figures()
    assert (one, two) == (len(set(declared.values())), len(theirs))
    assert three == round(len(theirs & ours) / max(len(theirs), 1), 4)
    assert four == round(len(theirs & ours) / max(len(ours), 1), 4)


def test_sources_that_cross_everywhere_take_no_more_memory_than_images(lay_out: LayOut) -> None:
    """Two sources of a whole dataset ("flickr", "web") stand in every cell of it."""
    scene = {f"{s}/{c:03}/{i}": 1 for s in ("train", "val") for c in range(200) for i in range(5)}
    declared = {path: ("flickr", "web")[n % 2] for n, path in enumerate(sorted(scene))}
    rows = list(sources_of(lay_out, scene, [], declared).measurements())
    groups = {id(group) for row in rows for group in row.examples if row.property == CROSS}
    assert len(groups) == 2
