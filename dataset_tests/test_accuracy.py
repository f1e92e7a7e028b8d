"""Predictors that never saw the labels agree with those of a good dataset, class by class."""

from collections.abc import Callable


def test_class_accuracy_meets_its_floor(label: str, gate: Callable[[str, str], None]) -> None:
    """In every labelled split each predictor recognises enough images of the class."""
    gate("class_accuracy_meets_its_floor", label)


def test_group_accuracy_meets_its_floor(group: str, gate: Callable[[str, str], None]) -> None:
    """The classes of a declared problem group can still be told apart, by every predictor."""
    gate("group_accuracy_meets_its_floor", group)


def test_confusions_stay_inside_known_groups(label: str, gate: Callable[[str, str], None]) -> None:
    """Images of the class are not taken for one other class, unless a declared group has both."""
    gate("confusions_stay_inside_known_groups", label)


def test_duplicates_do_not_move_accuracy(gate: Callable[[str, str], None]) -> None:
    """The accuracy of each predictor stays the same when images with duplicates are left out."""
    gate("duplicates_do_not_move_accuracy", "dataset")
