"""The splits of a good dataset show the same kind of images, class by class."""

from collections.abc import Callable


def test_splits_show_the_same_kind_of_images(label: str, gate: Callable[[str, str], None]) -> None:
    """What an image of the class shows does not tell which of two labelled splits it is from."""
    gate("splits_show_the_same_kind_of_images", label)
