"""No picture stands twice in a good dataset, whatever its file is called or how it is stored."""

from collections.abc import Callable


def test_no_exact_duplicates_across_splits(label: str, gate: Callable[[str, str], None]) -> None:
    """No image of the class has the same pixels as an image of another split."""
    gate("no_exact_duplicates_across_splits", label)


def test_no_exact_duplicates_within_a_split(label: str, gate: Callable[[str, str], None]) -> None:
    """No two images of one split, one of them of the class, have the same pixels."""
    gate("no_exact_duplicates_within_a_split", label)


def test_identical_pixels_have_one_label(label: str, gate: Callable[[str, str], None]) -> None:
    """No image of the class has the same pixels as an image under another label."""
    gate("identical_pixels_have_one_label", label)
