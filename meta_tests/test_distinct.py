"""Distinct numbers and pairs are those that NumPy finds, in its order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.distinct import distinct, distinct_pairs

numbers = st.integers(0, 5) | st.integers(0, 2**31)


@given(st.lists(numbers))
def test_distinct_numbers_are_those_of_numpy(values: list[int]) -> None:
    array = np.array(values, np.int64)
    assert distinct(array).tolist() == np.unique(array).tolist()


@given(st.lists(st.tuples(numbers, numbers)))
def test_distinct_pairs_are_those_of_numpy(values: list[tuple[int, int]]) -> None:
    pairs = np.array(values, np.int64).reshape(-1, 2)
    found, which = distinct_pairs(pairs)
    assert found.tolist() == np.unique(pairs, axis=0).tolist()
    assert np.array_equal(found[which], pairs)
