"""Protocols: one label, any of several, groups merged, each against a plain search."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from predicted import Said, lay_out_said

from labelgate.fixtures.protocols import (
    ANY_OF,
    GROUP_MERGED,
    SINGLE,
    find_hits,
    hits_any_of,
    hits_group_merged,
    hits_single,
)

V = 6
IMAGES = st.lists(
    st.tuples(
        st.integers(-1, V - 2),  # a label, or none
        st.lists(st.integers(0, V - 1), max_size=5, unique=True),  # predictions, best first
        st.lists(st.integers(0, V - 1), max_size=3),  # other labels that are right as well
    ),
    max_size=20,
)
GROUP = st.lists(st.integers(-1, 2), min_size=V, max_size=V)


def arrays(images: Sequence[tuple[int, list[int], list[int]]]) -> tuple[Any, Any, Any]:
    top = np.full((len(images), 5), -1, np.int32)
    for row, (_, said, _) in zip(top, images, strict=True):
        row[: len(said)] = said
    also = [(i, other) for i, (_, _, others) in enumerate(images) for other in others]
    label = np.array([label for label, _, _ in images], np.int32)
    return top, label, np.array(also, np.int64).reshape(-1, 2)


@settings(deadline=None)
@given(images=IMAGES, group=GROUP, k=st.sampled_from((1, 5)))
def test_hits_are_those_of_a_plain_search(images: Any, group: list[int], k: int) -> None:  # noqa: ANN401
    top, label, also = arrays(images)
    found = [
        hits_single(top[:, :k], label),
        hits_any_of(top[:, :k], label, also),
        hits_group_merged(top[:, :k], label, np.array(group)),
    ]
    for i, (own, said, others) in enumerate(images):
        swaps = {c for c in range(V) if own >= 0 and group[c] == group[own] >= 0}
        for hits, right in zip(found, (set(), set(others), swaps), strict=True):
            assert hits[i] == (own >= 0 and bool({own, *right} & set(said[:k])))


@settings(deadline=None)
@given(images=IMAGES, group=GROUP)
def test_a_lenient_protocol_has_right_what_the_strict_one_has(images: Any, group: Any) -> None:  # noqa: ANN401
    top, label, also = arrays(images)
    single = hits_single(top, label)
    assert (hits_any_of(top, label, also) >= single).all()
    assert (hits_group_merged(top, label, np.array(group)) >= single).all()
    assert (single >= hits_single(top[:, :1], label)).all()


@settings(deadline=None)
@given(images=IMAGES, group=GROUP, data=st.data())
def test_another_order_of_images_gives_the_same_hits(images: Any, group: Any, data: Any) -> None:  # noqa: ANN401
    order = data.draw(st.permutations(range(len(images))))
    top, label, also = arrays(images)
    moved = arrays([images[i] for i in order])
    for hits, again in (
        (hits_any_of(top, label, also), hits_any_of(*moved)),
        (
            hits_group_merged(top, label, np.array(group)),
            hits_group_merged(*moved[:2], np.array(group)),
        ),
    ):
        assert again.tolist() == [hits[i] for i in order]


SNAKES: list[Said] = [
    ("val", "boa", ["boa", "cobra"]),
    ("val", "boa", ["cobra", "boa"]),
    ("val", "boa", ["mamba", "cobra"]),
    ("val", "mamba", ["mamba", "boa"]),
    ("test", None, ["boa", "cobra"]),
]


def test_only_protocols_that_the_dataset_declares_are_measured() -> None:
    hits = find_hits(*lay_out_said(SNAKES))
    assert set(hits.right) == {(SINGLE, 1)}
    assert hits.ranks == (1,)  # no image has five predictions


def test_declared_labels_and_groups_are_read_off_the_dataset() -> None:
    several = {"val/boa/00001": ("cobra", "boa"), "val/boa/00002": ("cat", "tree")}
    dataset, said = lay_out_said(SNAKES, ("boa", "mamba"), multilabels=several)
    hits = find_hits(dataset, said)
    right = {of: hits.right[of, 1].tolist() for of in (SINGLE, ANY_OF, GROUP_MERGED)}
    assert dataset.paths[0] == "test/-/00004"
    assert right == {
        SINGLE: [False, True, False, False, True],
        ANY_OF: [False, True, True, False, True],
        GROUP_MERGED: [False, True, False, True, True],
    }


def test_a_predictor_of_fewer_than_five_classes_has_a_top_five_of_all() -> None:
    hits = find_hits(*lay_out_said([("val", "boa", ["cobra", "boa"]), ("val", "cobra", ["boa"])]))
    assert hits.ranks == (1, 5)
    assert hits.right[SINGLE, 5].tolist() == [True, False]
