"""A good release changes what people agreed to, and makes nothing worse."""

from collections.abc import Callable


def test_label_changes_are_reviewed(label: str, gate: Callable[[str, str], None]) -> None:
    """People confirmed each image of the class whose label is another one than before."""
    gate("label_changes_are_reviewed", label)


def test_images_stay_in_their_split(label: str, gate: Callable[[str, str], None]) -> None:
    """Every image of the class stands in the split in which it stood before."""
    gate("images_stay_in_their_split", label)


def test_class_does_not_get_worse(label: str, gate: Callable[[str, str], None]) -> None:
    """No property of the class fails that passed before, and none fails by more than before."""
    gate("class_does_not_get_worse", label)
