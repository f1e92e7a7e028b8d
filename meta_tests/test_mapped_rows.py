"""Rows of several arrays are gathered as those of one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.mapped_rows import MappedRows, stack


def arrays(lengths: list[int]) -> list[np.ndarray]:
    whole = np.arange(sum(lengths) * 6, dtype=np.float16).reshape(-1, 3, 2)
    return np.split(whole, np.cumsum(lengths[:-1]))


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.data())
def test_it_is_one_array_in_all_that_is_asked(lengths: list[int], data: st.DataObject) -> None:
    rows, whole = stack(arrays(lengths)), np.concatenate(arrays(lengths))
    assert isinstance(rows, MappedRows)
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == (
        *(whole.shape, whole.ndim, whole.dtype, len(whole)),
    )
    np.testing.assert_array_equal(np.asarray(rows), whole)
    asked = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1))), np.int64)
    np.testing.assert_array_equal(rows[asked], whole[asked])
    views = asked % 3
    np.testing.assert_array_equal(rows[asked, views], whole[asked, views])


def test_one_array_stays_what_it_is() -> None:
    (only,) = arrays([4])
    assert stack([only]) is only


@pytest.mark.parametrize("row", [-1, 4])
def test_a_row_that_is_not_there_is_refused(row: int) -> None:
    with pytest.raises(IndexError, match="of 4"):
        stack(arrays([2, 2]))[np.array([row])]
