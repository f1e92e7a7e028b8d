"""Twenty classes of one picture, for the flaws that the sample dataset has no room for."""

from pathlib import Path

import numpy as np
from PIL import Image
from small_wordnet import write_wordnet

from labelgate.fixtures.sample.dictionary import Noun
from labelgate.fixtures.sample.drawing import draw_picture

BREEDS, THINGS = 3, 17
"""Three of twenty classes are dogs, where a tenth is tolerated."""

CROSSING = "breed1"
"""The class with one film in both splits."""

FLAWS = {
    "sources_do_not_cross_splits": "train and val have a picture of one film each",
    "no_taxon_dominates": "three of twenty classes are dogs",
    "strangers_are_not_called_copies": "one picture stands under twenty labels",
    "planted_copies_are_found": "each altered copy has 21 other pictures that are as near",
}
"""What is wrong, by the property that has to find it."""


def draw_one_picture(root: Path, picture: Image.Image | None = None) -> Path:
    """Writes the dataset: one picture under every label, never in the same bytes or pixels.

    So whatever is told apart by its label is a copy for who looks. One class has images in val as
    well, and one of these is from a film that train has a picture of.

    Args:
        root: where it is written.
        picture: what is shown; a drawing where none is given.
    """
    nouns = {"thing": Noun("thing"), "dog": Noun("dog", above=["thing"])}
    nouns |= {f"breed{i}": Noun(f"breed{i}", above=["dog"]) for i in range(BREEDS)}
    nouns |= {f"thing{i}": Noun(f"thing{i}", above=["thing"]) for i in range(400 * (BREEDS + 1))}
    wnids = write_wordnet(root / "dict", nouns)
    classes = [f"breed{i}" for i in range(BREEDS)] + [f"thing{i}" for i in range(THINGS)]
    paths = [f"train/{each}/1.jpg" for each in classes]
    paths += [f"val/{CROSSING}/{i}.jpg" for i in range(2)]
    picture = picture or draw_picture("canoe", np.random.default_rng(7))
    for quality, path in enumerate(paths, start=60):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        picture.save(root / path, quality=quality)
    films = {path: f"film{i}" for i, path in enumerate(paths)}
    films[f"val/{CROSSING}/0.jpg"] = films[f"train/{CROSSING}/1.jpg"]
    rows = [f"{path},{film}" for path, film in films.items()]
    (root / "sources.csv").write_text("\n".join(["path,source", *rows]))
    named = [f"{each},{wnids[each]},{each}" for each in classes]
    (root / "classes.csv").write_text("\n".join(["class,wnid,name", *named]))
    (root / "dataset.toml").write_text(
        '[splits.train]\nimages = "train"\n[splits.val]\nimages = "val"\n'
        '[classes]\ntable = "classes.csv"\n[wordnet]\nfolder = "dict"\n'
        '[sources]\ntable = "sources.csv"\n[options]\npredictor = "none"\n'
    )
    return root
