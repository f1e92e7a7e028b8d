"""Labels of a good dataset are not contradicted by models that did not learn from them."""

from collections.abc import Callable


def test_label_error_rate_is_low(label: str, gate: Callable[[str, str], None]) -> None:
    """Models that did not learn from these images doubt the labels of few images of the class."""
    gate("label_error_rate_is_low", label)
