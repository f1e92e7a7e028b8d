"""The classes of a good dataset exclude each other, by their names and by what they mean."""

from collections.abc import Callable


def test_class_name_is_unique(label: str, gate: Callable[[str, str], None]) -> None:
    """No other class is called what the class is called."""
    gate("class_name_is_unique", label)


def test_class_name_has_one_meaning(label: str, gate: Callable[[str, str], None]) -> None:
    """The name of the class means one thing only."""
    gate("class_name_has_one_meaning", label)


def test_no_class_is_a_kind_of_another(label: str, gate: Callable[[str, str], None]) -> None:
    """What belongs to the class does not belong to another class as well, as one of its kinds."""
    gate("no_class_is_a_kind_of_another", label)


def test_no_class_is_a_part_of_another(label: str, gate: Callable[[str, str], None]) -> None:
    """What the class shows is not a part of what another class shows."""
    gate("no_class_is_a_part_of_another", label)


def test_no_near_synonyms(label: str, gate: Callable[[str, str], None]) -> None:
    """No other class means nearly the same as the class."""
    gate("no_near_synonyms", label)


def test_no_taxon_dominates(gate: Callable[[str, str], None]) -> None:
    """Few of the classes are kinds of one and the same thing, as breeds are of the dog."""
    gate("no_taxon_dominates", "dataset")
