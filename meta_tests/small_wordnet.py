"""Folders in the format of WordNet's dict files, with the nouns that a test needs."""

from collections.abc import Mapping
from pathlib import Path

from labelgate.fixtures.sample.dictionary import Noun, write_dictionary

VERSION = "WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved."


def write_wordnet(
    folder: Path, nouns: Mapping[str, Noun], version: str = VERSION
) -> dict[str, str]:
    """Writes `data.noun` and `index.noun`, and returns the wnid of each key."""
    files, wnids = write_dictionary(nouns, ("This is no part of WordNet.", version))
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return wnids


ANIMAL, FOOD = 5, 13

NOUNS = {
    "entity": Noun("entity"),
    "animal": Noun("animal", "a living organism", ["entity"], topic=ANIMAL),
    "elephant": Noun("elephant", "five-toed pachyderm", ["animal"], topic=ANIMAL),
    "indian elephant": Noun(
        "Indian elephant|Elephas maximus", "of India, small ears", ["elephant"], topic=ANIMAL
    ),
    "tusker": Noun(
        "tusker",
        'any mammal with prominent tusks (especially an elephant or wild boar); "a tusker"',
        ["animal"],
        topic=ANIMAL,
    ),
    "bird": Noun("crane", "large long-necked wading bird", ["animal"], topic=ANIMAL),
    "machine": Noun("Crane", "lifts and moves heavy objects", ["entity"]),
    "keyboard": Noun("keyboard", "a device with a set of keys", ["entity"], ["key"]),
    "typewriter keyboard": Noun(
        "typewriter keyboard", "a keyboard for typing", ["keyboard"], ["space bar"]
    ),
    "space bar": Noun("space bar", "a bar that makes a space", ["entity"]),
    "key": Noun("key", "a lever that is pressed", ["entity"]),
    "computer": Noun("portable computer", "a computer to carry", ["entity"]),
    "laptop": Noun(
        "laptop|laptop computer",
        "a portable computer small enough to use in your lap",
        ["computer"],
    ),
    "notebook": Noun(
        "notebook|notebook computer", "a small compact portable computer", ["computer"]
    ),
    "rifle": Noun("rifle", "a shoulder firearm with a long barrel", ["entity"]),
    "assault rifle": Noun(
        "assault rifle|assault gun", "any of the rifles with large magazines", ["entity"]
    ),
    "lens": Noun("sunglass", "a convex lens that starts a fire", ["entity"]),
    "glasses": Noun("sunglasses|shades", "spectacles that are darkened", ["entity"]),
    "orange": Noun("orange", "round yellow fruit of citrus trees", ["entity"], topic=FOOD),
    "lizard": Noun("gila monster", "large orange and black lizard", ["animal"], topic=ANIMAL),
    "paddle": Noun("paddle", "a short oar used to propel a canoe or small boat", ["entity"]),
    "canoe": Noun("canoe", "small and light boat", ["entity"]),
}
