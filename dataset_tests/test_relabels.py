"""The labels of a good dataset are what other people say who look at its images again."""

from collections.abc import Callable


def test_relabel_studies_agree(label: str, gate: Callable[[str, str], None]) -> None:
    """Studies that label the same images of the class say the same about most of them."""
    gate("relabel_studies_agree", label)


def test_labels_survive_review(label: str, gate: Callable[[str, str], None]) -> None:
    """People who review images of the class find the label that they have, on enough of them."""
    gate("labels_survive_review", label)
