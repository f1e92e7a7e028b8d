"""Neighbours brought up to date are those of a whole search, whatever came, went or moved."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelgate.fixtures import neighbor_search, neighbor_updates, neighbors
from labelgate.fixtures.neighbor_pool import Pool
from labelgate.fixtures.neighbor_proposals import BFLOAT16, FLOAT32
from labelgate.fixtures.neighbor_updates import GONE, Known
from labelgate.fixtures.neighbors import nearest_others

Items = tuple[NDArray[np.int64], NDArray[np.int64]]


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float16]:
    length = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float16)


@st.composite
def changes(draw: st.DrawFn) -> tuple[NDArray[np.float16], Items, NDArray[np.int64], int, int]:
    """Vectors, items (identity, segment) afterwards, and which of them were there before or went.

    Every item has a time: 0 for one that went, 1 for one that stayed, 2 for one that came.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    distinct, dimensions = draw(st.integers(1, 40)), draw(st.integers(1, 12))
    shape = distinct, 1 + draw(st.integers(0, 2)), dimensions
    coarse = draw(st.booleans())  # many ties and zeros, or none
    vectors = unit(rng.integers(-1, 2, shape) if coarse else rng.standard_normal(shape))
    segments = draw(st.integers(1, 3))
    cells = rng.permutation(distinct * segments)[: draw(st.integers(0, distinct * segments))]
    share = draw(st.sampled_from(((0.0, 0.9, 0.1), (0.1, 0.9, 0.0), (0.1, 0.8, 0.1), (1, 1, 1))))
    time = rng.choice(3, len(cells), p=np.array(share) / sum(share))
    return vectors, np.divmod(cells, segments), time, segments, draw(st.integers(1, 6))


def seek(
    vectors: NDArray[np.float16],
    items: Items,
    segments: int,
    k: int,
    known: Known | None = None,
    device: str = "cpu",
) -> Any:  # noqa: ANN401
    identity, segment = items
    return nearest_others(vectors, identity, identity, segment, segments, k, device, known=known)


def carry_over(then: Any, time: NDArray[np.int64]) -> Known:  # noqa: ANN401
    """What is known of the items that stayed, after those that went and before those that came."""
    now = np.full(len(time) + 1, -1)
    now[:-1][time > 0] = np.arange(np.count_nonzero(time))
    now[:-1][time == 0] = GONE
    before = np.append(np.flatnonzero(time < 2), len(time))  # the last for -1
    stayed = time[time < 2] == 1
    index = now[before[then.index[stayed]]]
    return Known(time[time > 0] == 1, index, then.similarity[stayed])


@settings(max_examples=150, deadline=None)
@given(
    changes(),
    st.sampled_from((1, 7, 16_384)),
    st.sampled_from((BFLOAT16, FLOAT32)),
    st.sampled_from(("cpu", "cuda")),
)
def test_what_is_brought_up_to_date_is_what_a_whole_search_finds(
    change: tuple[NDArray[np.float16], Items, NDArray[np.int64], int, int],
    at_once: int,
    precision: Any,  # noqa: ANN401
    device: str,
) -> None:
    vectors, items, time, segments, k = change
    views = vectors.shape[1] > 1
    given_vectors, k = (vectors, 1) if views else (vectors[:, 0], k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(neighbors.AT_ONCE, device, at_once)
        if device == "cuda":  # its path, on a CPU
            patch.setattr(neighbor_search, "Pool", lambda rows, device: Pool(rows, "cpu:0"))
        patch.setattr(neighbor_updates, "WORTH", 0)  # whatever it takes
        for module in (neighbor_search, neighbor_updates):
            patch.setattr(module, "first_precision", lambda device: precision)
        then, now = (tuple(part[chosen] for part in items) for chosen in (time < 2, time > 0))
        earlier = seek(given_vectors, then, segments, k)
        found = seek(given_vectors, now, segments, k, carry_over(earlier, time), device)
        expected = seek(given_vectors, now, segments, k)
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.similarity, expected.similarity)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the pairs of vectors whose product is formed."""
    counted: list[int] = []
    propose = neighbor_search.propose

    def count(pool: Any, asked: Any, *rest: Any) -> Any:  # noqa: ANN401
        counted.append(len(asked.queries) * len(asked.candidates))
        return propose(pool, asked, *rest)

    monkeypatch.setattr(neighbor_search, "propose", count)
    return counted


def vectors_of(total: int) -> NDArray[np.float16]:
    return unit(np.random.default_rng(0).standard_normal((total, 32)))


def test_ten_new_items_are_compared_and_nothing_else(compared: list[int]) -> None:
    items = np.arange(2010), np.zeros(2010, np.int64)
    time = np.where(items[0] % 201 == 200, 2, 1)
    then = seek(vectors_of(2010), tuple(part[time < 2] for part in items), 1, 5)
    whole = sum(compared)
    compared.clear()
    seek(vectors_of(2010), items, 1, 5, carry_over(then, time))
    assert whole >= 2000**2
    assert 10 * 2010 + 2000 * 10 <= sum(compared) < 5 * 10 * 2010


def test_an_item_that_went_is_missed_by_its_neighbours_only(compared: list[int]) -> None:
    items = np.arange(2000), np.zeros(2000, np.int64)
    time = np.where(items[0] == 77, 0, 1)
    then = seek(vectors_of(2000), items, 1, 5)
    missed = np.count_nonzero((then.index == 77).any(axis=(1, 2)))
    compared.clear()
    seek(vectors_of(2000), tuple(part[time > 0] for part in items), 1, 5, carry_over(then, time))
    assert missed * 1999 <= sum(compared) < 2 * missed * 1999 + 1


def test_where_half_is_new_everything_is_sought_anew(compared: list[int]) -> None:
    items = np.arange(400), np.zeros(400, np.int64)
    time = np.where(items[0] < 200, 1, 2)
    then = seek(vectors_of(400), tuple(part[:200] for part in items), 1, 5)
    compared.clear()
    seek(vectors_of(400), items, 1, 5, carry_over(then, time))
    assert sum(compared) == 400**2
