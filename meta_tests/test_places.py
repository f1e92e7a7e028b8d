"""Where a path stands is what a dictionary of all paths would say."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.places import FEW, Places

PATHS = st.lists(st.text("ab/\u00e9\U0001f600", min_size=1, max_size=3), unique=True, max_size=40)


@given(PATHS, st.lists(st.text("ab/\u00e9\U0001f600", max_size=3), max_size=20))
def test_paths_are_found_as_in_a_dictionary(paths: list[str], others: list[str]) -> None:
    ordered = tuple(sorted(paths))
    places, table = Places(ordered), {path: place for place, path in enumerate(ordered)}
    for asked in (others, [*others, *paths], ordered, ordered[1:], ordered[1:-1], []):
        expected = [table.get(path, -1) for path in asked]
        assert places.find(asked).tolist() == expected
        assert places.find(pa.array(asked, pa.string())).tolist() == expected
    assert [path in places for path in others] == [path in table for path in others]
    assert [places.get(path) for path in others] == [table.get(path) for path in others]


@pytest.mark.parametrize("asked", [1, 2, 3])
def test_few_paths_are_sought_without_arrow(asked: int) -> None:
    """Just below, at and above the share of paths from which Arrow looks them up."""
    ordered = tuple(f"{i:03}" for i in range(2 * FEW))
    places = Places(ordered)
    assert places.find(ordered[:asked]).tolist() == list(range(asked))
    assert ("column" in vars(places)) == (asked * FEW >= len(ordered))


def test_a_path_that_is_not_there_is_an_error_where_it_has_to_be() -> None:
    with pytest.raises(KeyError, match=r"b\.jpg"):
        Places(("a.jpg", "c.jpg"))["b.jpg"]
