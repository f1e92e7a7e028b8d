"""An image of a good dataset shows one of its classes, where it has one label."""

from collections.abc import Callable


def test_images_show_one_class(label: str, gate: Callable[[str, str], None]) -> None:
    """Few images of the class deserve the label of another class as well."""
    gate("images_show_one_class", label)


def test_classes_do_not_always_occur_together(label: str, gate: Callable[[str, str], None]) -> None:
    """Most images that show the class do not show one certain other class as well."""
    gate("classes_do_not_always_occur_together", label)
