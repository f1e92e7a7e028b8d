"""Flaws that are planted in photographs of CIFAR-10, one for each property at least.

Two datasets: 600 pictures in five classes with the release before, and one picture under twenty
labels (`meta_tests/one_picture.py`), for what takes many classes.
"""

import csv
import io
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from data import link, unpack
from PIL import Image, ImageEnhance, ImageOps

from labelgate.fixtures.sample.build import build_sample

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "meta_tests"))

from one_picture import draw_one_picture

PICTURES = {"train": 90, "test": 30}
"""Of each of the five classes."""

MEANT = {"airplane": "laptop", "dog": "notebook", "frog": "tusker", "ship": "elephant"}
MEANT["truck"] = "space bar"
"""The class of the sample whose names and synset stand for each class here, wrong on purpose: one
is a kind of another, two mean nearly the same, and the sample's model knows none."""

CALLED = {"airplane": "portable computer", "dog": "portable computer", "ship": "sorrel"}
"""Classes with another name than what they mean: two share one, and one has two meanings."""

LOOKS_LIKE = {"dog": "computer mouse"}
"""What the sample's model takes most pictures of a class for: the class is understood under it."""

ORIGINALS = range(1, 60)
"""Pictures that flaws are planted from; the class has more, so that none is used twice."""


FLAWS = {
    "class_accuracy_meets_its_floor": ("frog", "imported predictions call most frogs ships"),
    "class_does_not_get_worse": ("airplane", "airplanes have most of these flaws, and had none"),
    "class_name_has_one_meaning": ("ship", "ships are called sorrel, a horse and a herb"),
    "class_name_is_understood": ("dog", "a model takes dogs for what it calls computer mouse"),
    "class_name_is_unique": ("dog", "airplanes and dogs are both called portable computer"),
    "classes_do_not_always_occur_together": ("frog", "all frogs are declared to show a ship too"),
    "classes_have_enough_images": ("truck", "trucks have nine test images left"),
    "confusions_stay_inside_known_groups": ("frog", "imported predictions call most frogs ships"),
    "duplicates_do_not_move_accuracy": ("dataset", "copies of all kinds, and a wrong model"),
    "every_image_decodes": ("airplane", "a train image is cut short"),
    "few_near_duplicates_within_a_split": ("airplane", "twelve train images have altered copies"),
    "group_accuracy_meets_its_floor": ("dog / frog", "imported predictions are wrong about both"),
    "identical_pixels_have_one_label": ("truck", "a train image of a truck is also a ship"),
    "images_show_one_class": ("frog", "all frogs are declared to show a ship too"),
    "images_stay_in_their_split": ("ship", "a test image was in train in the release before"),
    "label_changes_are_reviewed": ("dog", "a dog became a truck; nobody reviewed that"),
    "label_error_rate_is_low": ("airplane", "most test images show frogs"),
    "labels_survive_review": ("dog", "two studies draw most labels of dogs by lot"),
    "near_duplicates_have_one_label": ("frog", "an altered copy of a frog is a truck"),
    "no_augmented_copies_across_splits": ("dog", "a test image is in train, mirrored and brighter"),
    "no_class_is_a_kind_of_another": ("frog", "frog stands for tusker, ship for elephant"),
    "no_class_is_a_part_of_another": ("truck", "truck stands for space bar, a part of computers"),
    "no_exact_duplicates_across_splits": ("dog", "a test image is also in train"),
    "no_exact_duplicates_within_a_split": ("frog", "a test image is there twice"),
    "no_near_synonyms": ("dog", "airplane stands for laptop, dog for notebook"),
    "no_similar_views_across_splits": ("ship", "a review calls two ships views of one"),
    "no_source_dominates": ("truck", "forty train images are from one film"),
    "no_taxon_dominates": ("dataset", "three of twenty classes are dogs"),
    "planted_copies_are_found": ("sticker", "a sticker covers too much of 32 pixels"),
    "relabel_studies_agree": ("dog", "two studies draw most labels of dogs by lot"),
    "sources_do_not_cross_splits": ("truck", "a test image is from the film of forty in train"),
    "splits_show_the_same_kind_of_images": ("airplane", "most test images show frogs"),
    "strangers_are_not_called_copies": ("dataset", "one picture stands under twenty labels"),
}
"""Whom each property has to name, and why."""

ONE_PICTURE = ("no_taxon_dominates", "strangers_are_not_called_copies")
"""Properties whose flaw is planted in the one picture."""


def prepare(work: Path) -> None:
    """Writes all datasets: `old`, the release before, `new` with flaws, and `one` picture."""
    source = unpack("cifar10_dev", work)
    for made in ("words", "old", "new", "frogs", "one"):
        shutil.rmtree(work / made, ignore_errors=True)
    build_sample(work / "words")
    lay_out(work / "old", source, work / "words")
    shutil.copytree(work / "old", work / "new")
    (work / "frogs").mkdir()
    others = sorted((source / "test" / "frog").iterdir())[500:]
    for file, other in zip(sorted((work / "old/test/airplane").iterdir()), others, strict=False):
        shutil.copy(other, work / "frogs" / file.name)
    plant(work / "new")
    with Image.open(source / "train" / "dog" / "0000.jpg") as picture:
        draw_one_picture(work / "one", picture.convert("RGB"))


def lay_out(root: Path, source: Path, words: Path) -> None:
    """Writes the release before: pictures, class table, groups, dictionary and model."""
    for split, count in PICTURES.items():
        for label in MEANT:
            for file in sorted((source / split / label).iterdir())[:count]:
                link(file, root / split / label / file.name)
    for name in ("dict", "clip"):
        shutil.copytree(words / name, root / name)
    rows = {row["class"]: row for row in _read(words / "classes.csv")}
    named = [{**rows[meant], "class": label} for label, meant in MEANT.items()]
    for row in named:
        row["name"] = CALLED.get(row["class"], row["name"])
        row["name_plain"] = LOOKS_LIKE.get(row["class"], row["name_plain"])
    _write(root / "classes.csv", list(named[0]), [list(row.values()) for row in named])
    group = {"name": "dog / frog", "category": [2], "classes": ["dog", "frog"]}
    (root / "groups.json").write_text(json.dumps([group]))
    (root / "dataset.toml").write_text(
        '[splits.train]\nimages = "train"\n[splits.test]\nimages = "test"\n'
        '[classes]\ntable = "classes.csv"\ngroups = "groups.json"\n'
        '[wordnet]\nfolder = "dict"\n[options]\npredictor = "knn, open_clip:clip"\n'
        "[[predictions]]\n" + 'name = "imported"\ntable = "predictions.csv"\n'
    )
    predict(root)


def predict(root: Path) -> None:
    """Writes predictions of a model that is right but for two classes."""
    wrong = {"frog": "ship", "dog": "frog"}
    rows = []
    for path in _paths(root):
        label = path.split("/")[1]
        number = sum(path.encode())
        rows.append([path, wrong[label] if label in wrong and number % 4 else label, "0.9"])
    _write(root / "predictions.csv", ["path", "class", "score"], rows)


def plant(root: Path) -> None:
    """Plants the flaws; each takes pictures that no other one takes."""
    take = {(split, label): iter(ORIGINALS) for split in PICTURES for label in MEANT}

    def original(split: str, label: str) -> Path:
        return sorted((root / split / label).glob("[0-9]*.jpg"))[next(take[split, label])]

    def altered(picture: Path, target: Path) -> None:
        image = ImageOps.mirror(Image.open(picture).convert("RGB"))
        ImageEnhance.Brightness(image).enhance(1.2).save(root / target)

    cut = original("train", "airplane")
    content = cut.read_bytes()
    cut.unlink()  # a second name of the archive's file
    cut.write_bytes(content[: len(content) // 2])
    shutil.copy(original("test", "dog"), root / "train/dog/across.jpg")
    shutil.copy(original("test", "frog"), root / "test/frog/within.jpg")
    shutil.copy(original("train", "truck"), root / "train/ship/other_label.jpg")
    altered(original("test", "dog"), Path("train/dog/altered.png"))
    altered(original("train", "frog"), Path("train/truck/altered.png"))
    for number in range(12):
        altered(original("train", "airplane"), Path(f"train/airplane/altered{number}.png"))
    original("train", "dog").rename(root / "train/truck/flipped.jpg")
    original("train", "ship").rename(root / "test/ship/moved.jpg")
    for file in sorted((root / "test/truck").iterdir())[9:]:
        file.unlink()
    for file in sorted((root / "test/airplane").iterdir())[5:]:  # a class of other pictures
        number = file.name
        file.unlink()
        shutil.copy(root.parent / "frogs" / number, file)
    annotate(root)


def annotate(root: Path) -> None:
    """Writes what people said: sources, reviews, studies, several labels."""
    paths = _paths(root)
    film = [*[p for p in paths if p.startswith("train/truck/")][:40], "test/truck/0000.jpg"]
    rows = [[path, "film" if path in film else path] for path in paths]
    _write(root / "sources.csv", ["path", "source"], rows)
    views = [path for path in paths if path.startswith(("train/ship/007", "test/ship/002"))]
    pair = [views[-1], views[0]]
    head = ["path_a", "path_b", "decision", "label", "reviewer", "date"]
    _write(root / "review.csv", head, [[*pair, "similar_view", "", "planted", "2026-11-28"]])
    random = Random(0)
    labels = sorted(MEANT)
    for study in ("a", "b"):
        said = []
        for path in paths:
            if path.startswith("test/"):
                own = path.split("/")[1]
                doubted = own == "dog" and random.random() < 0.8
                said.append([path, random.choice(labels) if doubted else own, ""])
        _write(root / f"{study}.csv", ["path", "labels", "status"], said)
    both = [[p, "frog|ship" if "/frog/" in p else p.split("/")[1]] for p in paths]
    _write(root / "several.csv", ["path", "labels"], both)
    more = (
        '[multilabels]\ntable = "several.csv"\n[sources]\ntable = "sources.csv"\n'
        '[[reviews]]\ntable = "review.csv"\n'
        '[[relabels]]\nstudy = "a"\ntable = "a.csv"\n[[relabels]]\nstudy = "b"\ntable = "b.csv"\n'
    )
    with (root / "dataset.toml").open("a") as stream:
        stream.write(more)
    predict(root)


def _paths(root: Path) -> list[str]:
    files = (file for split in PICTURES for file in (root / split).rglob("*.*"))
    return sorted(file.relative_to(root).as_posix() for file in files)


def _read(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))


def _write(file: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([head, *rows])
