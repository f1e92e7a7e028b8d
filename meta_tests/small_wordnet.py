"""Writes folders in the format of WordNet's dict files, with the nouns that a test needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

VERSION = "WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved."


@dataclass(frozen=True)
class Noun:
    """One synset; other ones are named by their keys, numbers are offsets as they stand."""

    words: str
    gloss: str = "a thing"
    above: Sequence[str | int] = ()
    parts: Sequence[str | int] = ()
    topic: int = 6


def write_wordnet(
    folder: Path, nouns: Mapping[str, Noun], version: str = VERSION
) -> dict[str, str]:
    """Writes `data.noun` and `index.noun`, and returns the wnid of each key."""
    head = f"  1 This is no part of WordNet.  \n  2 {version}  \n"
    below: dict[str | int, list[str]] = {}
    for key, noun in nouns.items():
        for up in noun.above:
            below.setdefault(up, []).append(key)
    draft = dict.fromkeys(nouns, 0)
    kinds = {key: below.get(key, []) for key in nouns}
    sizes = {key: len(_line(noun, kinds[key], 0, draft)) for key, noun in nouns.items()}
    offset, offsets = len(head.encode()), {}
    for key, size in sizes.items():
        offsets[key] = offset
        offset += size
    folder.mkdir(parents=True, exist_ok=True)
    lines = [_line(noun, kinds[key], offsets[key], offsets) for key, noun in nouns.items()]
    (folder / "data.noun").write_bytes(head.encode() + b"".join(lines))
    senses: dict[str, list[int]] = {}
    for key, noun in nouns.items():
        for word in noun.words.split("|"):
            senses.setdefault(word.lower().replace(" ", "_"), []).append(offsets[key])
    index = [
        f"{word} n {len(found)} 2 @ ~ {len(found)} 0 {' '.join(map('{:08d}'.format, found))}  \n"
        for word, found in sorted(senses.items())
    ]
    (folder / "index.noun").write_bytes((head + "".join(index)).encode())
    return {key: f"n{each:08d}" for key, each in offsets.items()}


def _line(noun: Noun, below: Sequence[str], offset: int, offsets: Mapping[str, int]) -> bytes:
    words = [word.replace(" ", "_") for word in noun.words.split("|")]
    pointers = [("@", each) for each in noun.above] + [("~", each) for each in below]
    pointers += [("%p", each) for each in noun.parts]
    told = "".join(
        f"{kind} {each if isinstance(each, int) else offsets[each]:08d} n 0000 "
        for kind, each in pointers
    )
    named = "".join(f"{word} 0 " for word in words)
    head = f"{offset:08d} {noun.topic:02d} n {len(words):02x} {named}"
    return f"{head}{len(pointers):03d} {told}| {noun.gloss}  \n".encode()


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
