"""The images of a class in a good dataset come from many places, each of them in one split."""

from collections.abc import Callable


def test_no_source_dominates(label: str, gate: Callable[[str, str], None]) -> None:
    """No single scene, object or film gives a large share of the class in a split."""
    gate("no_source_dominates", label)


def test_sources_do_not_cross_splits(label: str, gate: Callable[[str, str], None]) -> None:
    """No declared source has images of the class in one split and any images in another."""
    gate("sources_do_not_cross_splits", label)
