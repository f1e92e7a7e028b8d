"""No picture stands twice in a good dataset, not even altered or from another angle."""

from collections.abc import Callable


def test_no_augmented_copies_across_splits(label: str, gate: Callable[[str, str], None]) -> None:
    """No image of the class is an altered copy of an image of another split."""
    gate("no_augmented_copies_across_splits", label)


def test_no_similar_views_across_splits(label: str, gate: Callable[[str, str], None]) -> None:
    """No image of the class shows the same object or scene as an image of another split."""
    gate("no_similar_views_across_splits", label)


def test_few_near_duplicates_within_a_split(label: str, gate: Callable[[str, str], None]) -> None:
    """Few images of the class are altered copies or other views of an image of their own split."""
    gate("few_near_duplicates_within_a_split", label)


def test_near_duplicates_have_one_label(label: str, gate: Callable[[str, str], None]) -> None:
    """No image of the class is a near duplicate of an image under another label."""
    gate("near_duplicates_have_one_label", label)
