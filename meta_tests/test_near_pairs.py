"""Proposed pairs and what was decided: a person's word stands above the machine's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelgate.fixtures.near_pairs import (
    AUGMENTATION,
    DIFFERENT,
    SIMILAR_VIEW,
    NearPairs,
    overrule,
    with_reviewed,
)
from labelgate.fixtures.reviews import Pair, Reviews

KINDS = (AUGMENTATION, SIMILAR_VIEW, DIFFERENT)
PAIRS = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted).filter(lambda p: p[0] < p[1])


def decided(decisions: dict[Pair, str]) -> Reviews:
    return Reviews(decisions, dict.fromkeys(decisions, "ann"), {}, ())


def table(pairs: list[Pair]) -> NDArray[np.int64]:
    return np.array(pairs, np.int64).reshape(-1, 2)


@settings(deadline=None)
@given(
    proposed=st.sets(PAIRS.map(tuple)),
    decisions=st.dictionaries(PAIRS.map(tuple), st.sampled_from(KINDS)),
)
def test_pairs_that_people_call_near_are_there_once_and_in_order(
    proposed: set[Pair], decisions: dict[Pair, str]
) -> None:
    before = sorted(proposed)
    similarity = np.arange(len(before), dtype=np.float32)
    pairs, known = with_reviewed(table(before), similarity, decided(decisions))
    near = {pair for pair, kind in decisions.items() if kind != DIFFERENT}
    assert list(map(tuple, pairs.tolist())) == sorted(proposed | near)
    for pair, value in zip(map(tuple, pairs.tolist()), known.tolist(), strict=True):
        assert value == before.index(pair) if pair in proposed else np.isnan(value)


@settings(deadline=None)
@given(
    machine=st.dictionaries(PAIRS.map(tuple), st.sampled_from(KINDS)),
    people=st.dictionaries(PAIRS.map(tuple), st.sampled_from(KINDS)),
)
def test_a_decision_replaces_the_kind_of_its_pair_and_of_no_other(
    machine: dict[Pair, str], people: dict[Pair, str]
) -> None:
    pairs = sorted(machine)
    kinds, names = overrule(
        table(pairs), np.array([machine[p] for p in pairs], np.str_), decided(people)
    )
    assert kinds.tolist() == [people.get(pair, machine[pair]) for pair in pairs]
    assert names == ["ann" if pair in people else "" for pair in pairs]


def test_a_long_kind_fits_where_the_machine_had_a_short_one() -> None:
    kinds = np.array([DIFFERENT], np.str_)
    changed, _ = overrule(table([(0, 1)]), kinds, decided({(0, 1): AUGMENTATION}))
    assert changed.tolist() == [AUGMENTATION]
    assert kinds.tolist() == [DIFFERENT]


def test_a_pair_that_people_call_different_and_nobody_proposed_stays_away() -> None:
    pairs, similarity = with_reviewed(
        table([]), np.empty(0, np.float32), decided({(0, 1): DIFFERENT})
    )
    assert pairs.shape == (0, 2)
    assert (pairs.dtype, similarity.dtype) == (np.int64, np.float32)


def one_pair(similarity: float, score: float, reviewer: str) -> NearPairs:
    numbers = np.array([similarity], np.float32), np.array([score], np.float32)
    return NearPairs(
        table([(0, 1)]),
        numbers[0],
        np.array([SIMILAR_VIEW], np.str_),
        numbers[1],
        {},
        [reviewer],
        {},
        {},
        0,
        0.5,
    )


@pytest.mark.parametrize(
    ("given_pair", "said"),
    [
        (
            one_pair(0.98765, 0.5, "ann"),
            "similar view, similarity 0.988, score 0.50, decided by ann",
        ),
        (one_pair(0.5, 1.0, ""), "similar view, similarity 0.500, score 1.00"),
        (one_pair(np.nan, np.nan, "ann"), "similar view, decided by ann"),
    ],
)
def test_a_caption_says_what_is_known(given_pair: NearPairs, said: str) -> None:
    assert given_pair.caption(0) == said
