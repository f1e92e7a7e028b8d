"""What is said about near duplicates is worth as much as the search that found them."""

from collections.abc import Callable


def test_planted_copies_are_found(alteration: str, gate: Callable[[str, str], None]) -> None:
    """Copies of the dataset's own images, altered in this way, are found and called copies."""
    gate("planted_copies_are_found", alteration)


def test_strangers_are_not_called_copies(gate: Callable[[str, str], None]) -> None:
    """Pairs of images that are known to be different are not called copies."""
    gate("strangers_are_not_called_copies", "dataset")
