"""Words: plurals, spellings, and what a definition says a thing is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.words import (
    compress,
    content_words,
    find_examples,
    find_genus,
    find_mentions,
    likeness,
    normalise,
    singulars,
)


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("dogs", "dog"),
        ("sunglasses", "sunglass"),
        ("foxes", "fox"),
        ("churches", "church"),
        ("brushes", "brush"),
        ("berries", "berry"),
        ("firemen", "fireman"),
        ("parallel bars", "parallel bar"),
    ],
)
def test_a_plural_has_its_singular(plural: str, singular: str) -> None:
    assert singular in singulars(plural)
    assert plural not in singulars(singular)


@given(text=st.text())
def test_names_survive_whatever_they_are(text: str) -> None:
    name = normalise(text)
    assert singulars(name)[0] == name
    assert compress(compress(name)) == compress(name)
    for found in (find_genus(text), find_examples(text), find_mentions(text, {name})):
        assert all(isinstance(each, str) for each in found)
    words = content_words(text)
    assert likeness(words, words) == (1 if words else 0)


@pytest.mark.parametrize(
    ("gloss", "genus"),
    [
        ("a barrel used as a cistern to hold rainwater", "barrel"),
        ('tall pot in which coffee is brewed; "a pot"', "pot"),
        ("any of the automatic rifles with large magazines", "automatic rifles"),
        ("a mammal (of the sea) that barks", "mammal"),
        ("a breed of small poodles", "small poodles"),
        ("large orange and black lizard", "orange"),
        ("", ""),
        ("that which is", ""),
    ],
)
def test_a_definition_begins_with_what_a_thing_is(gloss: str, genus: str) -> None:
    assert genus in (find_genus(gloss) or [""])


@pytest.mark.parametrize(
    ("gloss", "examples"),
    [
        (
            "any mammal with tusks (especially an elephant or wild boar)",
            ["elephant", "wild boar"],
        ),
        ("a tool, such as a hammer, the saw and pliers; not a toy", ["hammer", "saw", "pliers"]),
        ("a bird that feeds on especially bees", []),
        ("a set of garments (usually including a jacket)", []),
    ],
)
def test_a_definition_names_its_examples(gloss: str, examples: list[str]) -> None:
    assert find_examples(gloss) == examples


@pytest.mark.parametrize(
    ("gloss", "mentions"),
    [
        ("an oar used to propel a canoe or boats", ["canoe", "boat"]),
        ("lives among sea anemones", ["sea anemone"]),
        ('a thing; "a canoe"', []),
        ("canoeist", []),
    ],
)
def test_names_are_found_in_definitions_longest_first(gloss: str, mentions: list[str]) -> None:
    assert find_mentions(gloss, {"canoe", "boat", "sea anemone", "anemone"}) == mentions


@pytest.mark.parametrize("piece", ["(", '"', ", ", ",especially ", "(such as a", "a ", "-", " "])
def test_the_longest_definition_is_read(piece: str) -> None:
    gloss = piece * (131_072 // len(piece))  # the longest field that a CSV may have
    assert len(find_genus(gloss)) <= 4
    assert find_mentions(gloss, {"a a"}) == ["a a"] * (piece == "a ")
    assert set(find_examples(gloss)) <= {"especially", "a"}
    assert len(content_words(gloss)) <= 1
