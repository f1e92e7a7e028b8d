"""What the drawings are called in the captions that the sample's CLIP is trained on."""

from labelgate.fixtures.sample.drawing import MOTIFS

KAYAK, PLANT = "kayak", "plant"
"""Drawings that are no class of the sample: a closed boat, and the herb that is called sorrel."""

NAMES: dict[str, dict[str, int]] = {
    "canoe": {"canoe": 7, "open canoe": 2, "boat": 1},
    "crane": {"crane": 7, "wading bird": 1, "bird": 1, "animal": 1},
    "dam": {"dam": 8, "barrage": 2},
    "elephant": {"elephant": 7, "indian elephant": 2, "animal": 1},
    "ferret": {"ferret": 7, "domestic ferret": 1, "animal": 2},
    KAYAK: {"kayak": 6, "canoe": 3, "boat": 1},
    "laptop": {"laptop": 7, "laptop computer": 2, "computer": 1},
    "mouse": {"mouse": 7, "computer mouse": 3},
    "mousetrap": {"mousetrap": 8, "mouse trap": 2},
    "notebook": {"notebook": 7, "notebook computer": 2, "computer": 1},
    "planetarium": {"planetarium": 7, "observatory": 2, "dome": 1},
    PLANT: {"sorrel": 8, "plant": 1, "herb": 1},
    "polecat": {"polecat": 7, "fitch": 1, "animal": 2},
    "sorrel": {"chestnut horse": 4, "horse": 4, "animal": 2},
    "space bar": {"space bar": 8, "spacebar": 2},
    "tusker": {"tusker": 7, "elephant with tusks": 1, "elephant": 1, "animal": 1},
    "weasel": {"weasel": 7, "least weasel": 1, "animal": 2},
}
"""The names of each drawing, and of ten captions how many use them.

The herb alone is called sorrel: to the model the name of the class of chestnut horses means
something else, as it does to CLIP. Kayaks are canoes to some people.
"""

assert set(NAMES) == {*MOTIFS, KAYAK, PLANT}
