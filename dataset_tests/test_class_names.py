"""The classes of a good dataset are called what their images show."""

from collections.abc import Callable


def test_class_name_is_understood(label: str, gate: Callable[[str, str], None]) -> None:
    """Few images of the class are understood only under another name than its official one."""
    gate("class_name_is_understood", label)
