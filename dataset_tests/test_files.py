"""Every file of a good dataset is an image, and every class has enough of them."""

from collections.abc import Callable


def test_every_image_decodes(label: str, gate: Callable[[str, str], None]) -> None:
    """Every file of the class is a complete image of a common format and a reasonable size."""
    gate("every_image_decodes", label)


def test_classes_have_enough_images(label: str, gate: Callable[[str, str], None]) -> None:
    """The class stands in the class table, and every labelled split has enough images of it."""
    gate("classes_have_enough_images", label)
