"""tau: the user's, else what planted copies tell, else everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelgate.fixtures.planted_copies import PlantedCopies
from labelgate.fixtures.proposals import K, Proposals
from labelgate.fixtures.tau import AFFORDABLE, EVERYTHING, KEPT, WANTED, choose_tau


def planted(
    distance: NDArray[np.float32], nearer: int | NDArray[np.int64] = 0, kind: str = "augmentation"
) -> PlantedCopies:
    """One alteration of as many pictures as there are distances."""
    table = np.asarray(distance, np.float32).reshape(1, -1)
    counts = np.broadcast_to(np.asarray(nearer, np.int64), table.shape)
    return PlantedCopies(np.arange(table.size), table, counts, np.full(table.shape, kind))


def proposals(similarity: NDArray[np.float32]) -> Proposals:
    """As many proposals as there are similarities, of one picture each."""
    of = np.asarray(similarity, np.float32).reshape(-1, 1, 1)
    items = np.arange(len(of))
    return Proposals(items, np.zeros(len(of), np.int16), np.zeros(of.shape, np.int64), of)


FEW = proposals(np.ones(AFFORDABLE, np.float32))
MANY = proposals(np.ones(AFFORDABLE + 1, np.float32))
"""One more than are affordable, within any tau."""

HUNDREDTHS = np.arange(1, 101, dtype=np.float32) / 100


@pytest.mark.parametrize("given_tau", [0.0, 0.3, 2.0])
def test_what_the_user_gives_counts(given_tau: float) -> None:
    for copies in (None, planted(HUNDREDTHS)):
        chosen = choose_tau(given_tau, copies, MANY)
        assert (chosen.value, chosen.origin) == (given_tau, "--tau")


def test_without_copies_everything_is_compared_and_it_is_said_why() -> None:
    chosen = choose_tau(None, None, MANY)
    assert chosen.value == EVERYTHING == 2.0
    assert "cannot encode" in chosen.origin


@pytest.mark.parametrize(
    "copies",
    [
        planted(HUNDREDTHS, kind="different"),
        planted(HUNDREDTHS, kind="similar_view"),
        planted(HUNDREDTHS, nearer=K),
        planted(HUNDREDTHS[:0]),
    ],
    ids=["different", "similar views", "hidden", "no picture"],
)
def test_without_a_recognised_copy_everything_is_compared(copies: PlantedCopies) -> None:
    chosen = choose_tau(None, copies, MANY)
    assert chosen.value == EVERYTHING
    assert "no planted copy was recognised" in chosen.origin


def test_tau_keeps_90_of_100_copies() -> None:
    chosen = choose_tau(None, planted(HUNDREDTHS), MANY)
    assert (np.float32(chosen.value) >= HUNDREDTHS).sum() in (90, 91)
    assert "100 planted copies" in chosen.origin


def test_easy_copies_do_not_hide_a_hard_alteration() -> None:
    table = np.stack([np.full(100, 0.01, np.float32)] * 29 + [HUNDREDTHS])
    kinds = np.full(table.shape, "augmentation")
    copies = PlantedCopies(np.arange(100), table, np.zeros(table.shape, np.int64), kinds)
    assert (np.float32(choose_tau(None, copies, MANY).value) >= HUNDREDTHS).sum() in (90, 91)


def test_an_alteration_that_nothing_finds_does_not_decide() -> None:
    table = np.stack([HUNDREDTHS, np.full(100, 1.9, np.float32)])
    kinds = np.stack([np.full(100, "augmentation"), np.full(100, "different   ")])
    copies = PlantedCopies(np.arange(100), table, np.zeros(table.shape, np.int64), kinds)
    assert choose_tau(None, copies, MANY).value < 1


def test_one_copy_in_a_thousand_does_not_decide() -> None:
    distances = np.full(1_000, 0.1, np.float32)
    distances[7] = 1.9
    assert choose_tau(None, planted(distances), MANY).value == pytest.approx(0.1)


def test_a_single_copy_decides_alone() -> None:
    assert choose_tau(None, planted(HUNDREDTHS[29:30]), MANY).value == pytest.approx(0.3)


def test_copies_that_no_tau_can_find_do_not_count() -> None:
    nearer = np.where(HUNDREDTHS > 0.5, K, K - 1)
    assert choose_tau(None, planted(HUNDREDTHS, nearer), MANY).value == pytest.approx(0.46)


def test_copies_that_are_equal_to_their_originals_count() -> None:
    assert choose_tau(None, planted(HUNDREDTHS[:1], kind="exact"), MANY).value == pytest.approx(
        0.01
    )


def test_a_copy_that_is_nearer_than_its_original_is_no_negative_tau() -> None:
    assert choose_tau(None, planted(np.array([-1e-7], np.float32)), MANY).value == 0.0


@settings(deadline=None)
@given(st.lists(st.floats(0, 2, width=32), min_size=1, max_size=400), st.randoms())
def test_tau_keeps_its_share_whatever_the_distances_and_their_order(
    distances: list[float], random: object
) -> None:
    table = np.array(distances, np.float32)
    chosen = choose_tau(None, planted(table), MANY)
    assert (table <= np.float32(chosen.value)).mean() >= KEPT - 1 / len(table)
    assert chosen.value in table.astype(np.float64)
    shuffled = list(distances)
    getattr(random, "shuffle")(shuffled)  # noqa: B009
    assert choose_tau(None, planted(np.array(shuffled, np.float32)), MANY) == chosen


def test_few_proposals_let_tau_keep_nearly_all_copies() -> None:
    chosen = choose_tau(None, planted(HUNDREDTHS), FEW)
    assert (np.float32(chosen.value) >= HUNDREDTHS).mean() >= WANTED
    assert chosen.origin == "99% of 100 planted copies are nearer, of each alteration"


def test_tau_keeps_as_many_copies_as_are_affordable_and_says_so() -> None:
    dense = proposals(1 - np.repeat(np.float32([0.5, 0.955]), [AFFORDABLE, 1]))
    chosen = choose_tau(None, planted(HUNDREDTHS), dense)
    assert chosen.value == pytest.approx(0.95)
    assert dense.within(chosen.value) == AFFORDABLE
    assert f"more would take over {AFFORDABLE:,} proposals" in chosen.origin


def test_however_many_proposals_tau_keeps_the_least_share() -> None:
    assert choose_tau(None, planted(HUNDREDTHS), MANY).value >= HUNDREDTHS[89]
