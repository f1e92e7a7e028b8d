"""Near duplicates by class and split, against loops over every pair of images."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures import edges
from labelgate.fixtures.dataset import UNLABELLED
from labelgate.fixtures.measurements import Measurement
from labelgate.fixtures.near_duplicates import NearDuplicates
from labelgate.fixtures.near_pairs import AUGMENTATION, DIFFERENT, SIMILAR_VIEW, NearPairs

LayOut = Callable[[dict[str, int]], Any]
Kinds = dict[tuple[int, int], str]
"""The kind of a pair of numbers, the lower first."""

ACROSS_COPIES = "no_augmented_copies_across_splits"
ACROSS_VIEWS = "no_similar_views_across_splits"
WITHIN = "few_near_duplicates_within_a_split"
ONE_LABEL = "near_duplicates_have_one_label"

FOLDERS = ("train/cat", "train/dog", "val/cat", "val/dog", "test")
SCENES = st.dictionaries(
    st.tuples(st.sampled_from(FOLDERS), st.integers(0, 3)), st.integers(-1, 5), min_size=1
).map(lambda images: {f"{folder}/{name}": number for (folder, name), number in images.items()})
PAIRS = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from((AUGMENTATION, SIMILAR_VIEW, DIFFERENT)),
    max_size=8,
)


def find(lay_out: LayOut, scene: dict[str, int], kinds: Kinds, exact: int = 0) -> NearDuplicates:
    """Near duplicates of a scene; pairs of numbers that it does not hold are left out."""
    dataset, _, pictures = lay_out(scene)
    numbers = [scene[path] for path in dataset.paths]
    rows = sorted(
        (*sorted((numbers.index(a), numbers.index(b))), kind)
        for (a, b), kind in kinds.items()
        if a in numbers and b in numbers
    )
    count = len(rows)
    pairs = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
    kind = np.array([row[2] for row in rows], "<U12")
    similarity = np.linspace(0.6, 0.9, count, dtype=np.float32)
    near = NearPairs(
        *(pairs, similarity, kind, np.full(count, 0.5, np.float32)),
        *({}, [""] * count, {}),
        *({}, 0, 0.5),
    )
    spread = edges.spread(pictures, pairs)
    chosen = spread.chosen(near.kind[spread.pair] != DIFFERENT)
    return NearDuplicates(dataset, pictures, near, chosen, exact, 0.95)


def cells(near: NearDuplicates) -> dict[tuple[str, str, str], Measurement]:
    rows = list(near.measurements())
    found = {(row.property, row.subject, row.split): row for row in rows}
    assert len(found) == len(rows)
    return found


def slowly(scene: dict[str, int], kinds: Kinds, near: NearDuplicates) -> dict[str, set[int]]:
    data = near.dataset
    found = defaultdict(set)
    for i, j in permutations(range(len(data.paths)), 2):
        a, b = sorted((scene[data.paths[i]], scene[data.paths[j]]))
        kind = kinds.get((a, b), DIFFERENT)
        if a < 0 or kind == DIFFERENT:
            continue
        labels = data.label_of(i), data.label_of(j)
        across = data.split_of(i) != data.split_of(j)
        name = (ACROSS_COPIES if kind == AUGMENTATION else ACROSS_VIEWS) if across else WITHIN
        found[name].add(i)
        if None not in labels and labels[0] != labels[1]:
            found[ONE_LABEL].add(i)
    return found


@settings(deadline=None, max_examples=80)
@given(scene=SCENES, kinds=PAIRS, few=st.sampled_from((0, 100)))
def test_every_cell_counts_the_images_that_a_loop_over_all_pairs_names(
    lay_out: LayOut, scene: dict[str, int], kinds: Kinds, few: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edges, "FEW", few)
        near = find(lay_out, scene, kinds)
    expected, told = slowly(scene, kinds, near), cells(near)
    split_and_label = list(near.dataset.cells())
    assert len(told) == 4 * len(split_and_label)
    for (name, subject, split), row in told.items():
        (images,) = (i for s, p, i in split_and_label if (s, p) == (subject, split))
        count = len(expected[name] & set(images.tolist()))
        assert row.n == len(images)
        if name == ONE_LABEL and subject == UNLABELLED:
            assert row.value is None
            assert "no label" in row.reason
        elif name == WITHIN:
            assert row.value == count / row.n
            assert 0 <= row.low <= row.value <= row.high <= 1
            assert row.judged == row.low
        else:
            assert row.value == count
            assert row.judged is None
        assert (row.note != "") == bool(row.examples) == (count > 0 and row.value is not None)


@settings(deadline=None, max_examples=80)
@given(scene=SCENES, kinds=PAIRS)
def test_examples_are_near_pairs_with_an_image_of_the_cell_on_the_left(
    lay_out: LayOut, scene: dict[str, int], kinds: Kinds
) -> None:
    near = find(lay_out, scene, kinds)
    data = near.dataset
    for (_, subject, split), row in cells(near).items():
        seen = set()
        for (own, other), caption in zip(row.examples, row.captions, strict=True):
            assert (data.label_of(own) or UNLABELLED, data.split_of(own)) == (subject, split)
            a, b = sorted((scene[data.paths[own]], scene[data.paths[other]]))
            assert kinds[a, b].replace("_", " ") in caption
            assert frozenset((own, other)) not in seen
            seen.add(frozenset((own, other)))
        similar = [float(caption.split("similarity ")[1][:5]) for caption in row.captions]
        assert similar == sorted(similar, reverse=True)


@settings(deadline=None, max_examples=60)
@given(scene=SCENES, kinds=PAIRS)
def test_tables_and_figures_tell_of_every_pair(
    lay_out: LayOut, scene: dict[str, int], kinds: Kinds
) -> None:
    near = find(lay_out, scene, kinds)
    data = near.dataset
    place = {path: (data.split_of(i), data.label_of(i)) for i, path in enumerate(data.paths)}
    expected = {
        frozenset((i, j)): kinds[tuple(sorted((scene[i], scene[j])))]
        for i, j in combinations(data.paths, 2)
        if kinds.get(tuple(sorted((scene[i], scene[j]))), DIFFERENT) != DIFFERENT
    }
    table = near.evidence()["near_duplicates.csv"]
    rows = {frozenset(row[:2]): row for row in table.itertuples(index=False)}
    assert len(rows) == len(table)
    where = {
        frozenset({(scene[p], place[p]) for p in pair}): kind for pair, kind in expected.items()
    }
    assert {
        frozenset({(scene[p], place[p]) for p in pair}): row.kind for pair, row in rows.items()
    } == where
    for row in table.itertuples():
        assert (row.split_a, row.label_a or None) == place[row.path_a]
        assert (row.split_b, row.label_b or None) == place[row.path_b]
    figures = dict(near.figures())
    for x, y in combinations(data.splits, 2):
        for kind in (AUGMENTATION, SIMILAR_VIEW):
            across = {
                frozenset(scene[p] for p in pair)
                for pair, found in expected.items()
                if found == kind and {place[p][0] for p in pair} == {x, y}
            }
            assert figures[f"{kind.replace('_', ' ')}s across {x} and {y}"] == len(across)


@settings(deadline=None, max_examples=60)
@given(scene=SCENES, kinds=PAIRS, exact=st.integers(0, 3))
def test_groups_are_connected_pairs_numbered_after_the_exact_groups(
    lay_out: LayOut, scene: dict[str, int], kinds: Kinds, exact: int
) -> None:
    near = find(lay_out, scene, kinds, exact)
    here = set(scene.values()) - {-1}
    links = [(p, k) for p, k in kinds.items() if k != DIFFERENT and set(p) <= here]
    root = {number: number for number in here}
    for _ in links:
        for (a, b), _kind in links:
            root[a] = root[b] = min(root[a], root[b])
    expected = defaultdict(set)
    for path, number in scene.items():
        if any(number in pair for pair, _ in links):
            expected[root[number]].add(path)
    table = near.evidence()["duplicates.csv"]
    groups = {n: set(rows["path"]) for n, rows in table.groupby("group")}
    assert sorted(map(sorted, groups.values())) == sorted(map(sorted, expected.values()))
    assert sorted(groups) == list(range(exact, exact + len(groups)))
    for (a, _b), kind in links:
        (row,) = (r for r in table.itertuples() if r.path == min(expected[root[a]]))
        if kind == SIMILAR_VIEW:
            assert row.kind == SIMILAR_VIEW


def test_the_most_similar_pair_is_told_first_and_a_pair_that_people_added_last(
    lay_out: LayOut,
) -> None:
    scene = {"train/cat/1": 1, "train/cat/2": 2, "train/cat/3": 3, "val/cat/1": 4}
    near = find(lay_out, scene, {(1, 4): AUGMENTATION, (2, 4): AUGMENTATION, (3, 4): AUGMENTATION})
    known = np.array([0.7, np.nan, 0.9], np.float32)
    near = replace(near, pairs=replace(near.pairs, similarity=known, reviewer=["", "ann", ""]))
    row = cells(near)[ACROSS_COPIES, "cat", "val"]
    assert [other for _, other in row.examples] == [2, 0, 1]
    assert row.note.startswith("val/cat/1 (cat) ~ train/cat/3 (cat) (augmentation")
    assert row.note.endswith("; 3 pairs")


def test_a_note_names_both_images_and_the_label_of_one_that_has_any(lay_out: LayOut) -> None:
    near = find(lay_out, {"train/cat/1": 1, "test/1": 2}, {(1, 2): AUGMENTATION})
    said = "augmentation, similarity 0.600, score 0.50"
    assert {row.split: row.note for row in near.measurements() if row.note} == {
        "test": f"test/1 ~ train/cat/1 (cat) ({said})",
        "train": f"train/cat/1 (cat) ~ test/1 ({said})",
    }


def test_a_cell_of_a_pair_that_could_not_be_compared_is_not_measured(lay_out: LayOut) -> None:
    scene = {"train/cat/1": 1, "val/cat/1": 2, "train/dog/1": 3, "val/dog/1": 4}
    near = find(lay_out, scene, {(1, 2): DIFFERENT, (3, 4): AUGMENTATION})
    near = replace(near, pairs=replace(near.pairs, problems={0: "it is gone"}))
    told = cells(near)
    row = told[ACROSS_COPIES, "cat", "val"]
    assert row.value is None
    assert row.reason == "1 pairs could not be compared (it is gone)"
    assert told[ACROSS_COPIES, "dog", "val"].value == 1


def test_figures_tell_who_decided_and_what_could_not_be_compared(lay_out: LayOut) -> None:
    scene = {f"train/cat/{i}": i for i in range(4)}
    kinds = {(0, 1): AUGMENTATION, (0, 2): SIMILAR_VIEW, (1, 2): DIFFERENT, (2, 3): DIFFERENT}
    near = find(lay_out, scene, kinds)
    pairs = replace(
        near.pairs,
        reviewer=["ann", "", "ann, ben", ""],
        problems={3: "d.png is gone"},
        conflicts=((0, 1),),
        idle=2,
    )
    figures = dict(replace(near, pairs=pairs).figures())
    names = ("pairs of pictures compared", "near duplicates confirmed by people")
    assert [figures[name] for name in names] == [4, 1]
    assert list(figures.values())[-6:] == [1, 1, 1, 1, 2, 1]


@pytest.mark.parametrize(("pairs", "fails"), [(0, False), (3, False), (4, True)])
def test_a_few_near_duplicates_are_within_the_limit_and_more_are_not(
    lay_out: LayOut, pairs: int, fails: bool
) -> None:
    kinds = {(2 * i, 2 * i + 1): AUGMENTATION for i in range(pairs)}
    row = cells(find(lay_out, {f"val/cat/{i:02}": i for i in range(50)}, kinds))[
        WITHIN, "cat", "val"
    ]
    limit = read_limits(None).properties[WITHIN].bounds[0].high
    assert row.value == pairs / 25
    assert limit is not None
    assert row.judged is not None
    assert (row.judged > limit) is fails


def test_20000_copies_with_a_near_duplicate_are_one_pair(lay_out: LayOut) -> None:
    scene = {f"train/cat/{i:05}": 1 for i in range(20_000)} | {"val/cat/1": 2}
    near = find(lay_out, scene, {(1, 2): AUGMENTATION})
    told = cells(near)
    assert told[ACROSS_COPIES, "cat", "train"].value == 20_000
    assert told[ACROSS_COPIES, "cat", "train"].examples == [[0, 20_000]]
    assert told[WITHIN, "cat", "train"].value == 0
    assert len(near.evidence()["near_duplicates.csv"]) == 1
    assert len(near.evidence()["duplicates.csv"]) == 20_001
