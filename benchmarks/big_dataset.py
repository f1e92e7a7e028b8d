"""A dataset of any size for measuring time and memory: files without pixels, declarations in full.

    python benchmarks/big_dataset.py --images 1431167 --classes 1000 --work FOLDER

Every image is a file of its own, empty, so that what the file system costs is measured; what its
pixels would tell is made up by `synthetic_facts`. Labels stand in tables, as in a release of labels
alone: a flipped label changes a line and no file. Everything that a property needs is declared:
class table, WordNet, groups, sources, several labels, predictions, a relabel study, reviews.
"""

import argparse
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelgate.fixtures.sample.dictionary import Noun, write_dictionary

SHARES = {"train": 0.8952, "val": 0.0349, "test": 0.0699}
"""Images by split: those of ImageNet-1k, 1,281,167 and 50,000 and 100,000 of 1,431,167."""

TOP = 5
"""Classes that the imported predictions name of each image."""

MANIFEST = """[dataset]
name = "synthetic"
[splits.train]
images = "train"
labels = "train.csv"
[splits.val]
images = "val"
labels = "val.csv"
[splits.test]
images = "test"
labels = false
[classes]
table = "classes.csv"
groups = "groups.json"
templates = "templates.txt"
[wordnet]
folder = "dict"
[sources]
table = "sources.csv"
[multilabels]
table = "multilabels.csv"
[[reviews]]
table = "reviews.csv"
[[predictions]]
name = "imported"
table = "predictions.parquet"
[[relabels]]
study = "again"
table = "again.csv"
[options]
predictor = "knn, open_clip:clip"
"""


def make_dataset(work: Path, images: int, classes: int) -> Path:
    """Writes a dataset, unless it is there; returns its folder."""
    target = work / f"images_{images}_classes_{classes}"
    if not target.exists():
        part = target.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _write(part, images, [f"n{number:08d}" for number in range(classes)])
        part.rename(target)
    return target


def _write(root: Path, images: int, labels: Sequence[str]) -> None:
    rng = np.random.default_rng(0)
    train, val = (round(images * SHARES[split]) for split in ("train", "val"))
    of = {
        split: np.arange(number) * len(labels) // number
        for split, number in (("train", train), ("val", val))
    }
    paths = {
        split: [f"{split}/{labels[c]}/{i:08d}.jpg" for i, c in enumerate(number.tolist())]
        for split, number in of.items()
    }
    paths["test"] = [f"test/{i:08d}.jpg" for i in range(images - train - val)]
    for names in paths.values():
        touch(root, names)
    label = {split: [labels[c] for c in number.tolist()] for split, number in of.items()}
    for split in of:
        _csv(root / f"{split}.csv", "path,label", zip(paths[split], label[split], strict=True))
    both = [*paths["train"], *paths["val"]]
    _csv(root / "sources.csv", "path,source", ((p, f"s{i // 2}") for i, p in enumerate(both)))
    _declare_classes(root, labels)
    _declare_opinions(root, paths["val"], label["val"], labels, rng)
    _predict(root / "predictions.parquet", both, np.concatenate([*of.values()]), labels, rng)
    clip = Path(__file__).parents[1] / "fixtures/sample/clip"
    shutil.copytree(clip, root / "clip")
    (root / "dataset.toml").write_text(MANIFEST, encoding="utf-8")


def touch(root: Path, paths: Sequence[str]) -> None:
    """Makes empty files."""
    for folder in {os.path.dirname(path) for path in paths}:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for path in paths:
        os.close(os.open(root / path, os.O_CREAT | os.O_WRONLY, 0o644))


def _declare_classes(root: Path, labels: Sequence[str]) -> None:
    """A class is a noun of a made-up WordNet: ten of them are kinds of one, and so on upwards."""
    nouns = {"thing": Noun("thing")}
    width, level, above = -(-len(labels) // 10), 0, ["thing"]
    while width > 10:
        level, width = level + 1, -(-width // 10)
    for step in range(level + 1):
        size = -(-len(labels) // 10 ** (level - step + 1))
        names = [f"kind {step} {i}" for i in range(size)]
        nouns |= {
            name: Noun(name, above=[above[i * len(above) // size]]) for i, name in enumerate(names)
        }
        above = names
    for i, label in enumerate(labels):
        nouns[label] = Noun(f"word {i}", f"thing number {i}", above=[above[i // 10]])
    files, wnid = write_dictionary(nouns, ["Synthetic."])
    (root / "dict").mkdir()
    for name, content in files.items():
        (root / "dict" / name).write_bytes(content)
    rows = ((label, f"word {i}", f"name {i}", wnid[label]) for i, label in enumerate(labels))
    _csv(root / "classes.csv", "class,name,name_other,wnid", rows)
    groups = [
        {"classes": list(labels[5 * g : 5 * g + 3])} for g in range(min(48, len(labels) // 5))
    ]
    (root / "groups.json").write_text(json.dumps(groups), encoding="utf-8")
    (root / "templates.txt").write_text("a photo of a {}.\n", encoding="utf-8")


def _declare_opinions(
    root: Path, paths: Sequence[str], label: Sequence[str], labels: Sequence[str],
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """A study and several labels of val: of nine in ten the label, of the others another one."""
    other = [labels[c] for c in rng.integers(len(labels), size=len(paths)).tolist()]
    kept = (rng.random(len(paths)) < 0.9).tolist()
    said = [own if keep else rather for own, rather, keep in zip(label, other, kept, strict=True)]
    _csv(root / "again.csv", "path,labels", zip(paths, said, strict=True))
    several = ["|".join(sorted({own, rather})) for own, rather in zip(label, said, strict=True)]
    _csv(root / "multilabels.csv", "path,labels", zip(paths, several, strict=True))
    decided = ((a, b, "different", "", "ada", "2026-01-01") for a, b in pairwise(paths[:100]))
    _csv(root / "reviews.csv", "path_a,path_b,decision,label,reviewer,date", decided)


def _predict(
    file: Path, paths: Sequence[str], own: np.ndarray, labels: Sequence[str],
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """The best classes of each image: the first is right for four of five images."""
    classes = (own[:, None] + np.arange(TOP) * (1 + rng.integers(7, size=(len(own), 1)))) % len(
        labels
    )
    wrong = rng.random(len(own)) > 0.8
    classes[wrong, 0], classes[wrong, 1] = classes[wrong, 1], classes[wrong, 0]
    number = pa.array(np.repeat(np.arange(len(paths)), TOP).astype(np.int32))
    word = pa.array(classes.astype(np.int32).reshape(-1))
    table = pa.table(
        {
            "path": pa.DictionaryArray.from_arrays(number, pa.array(paths)).cast(pa.string()),
            "class": pa.DictionaryArray.from_arrays(word, pa.array(labels)).cast(pa.string()),
            "score": np.tile(np.linspace(0.9, 0.1, TOP, dtype=np.float32), len(paths)),
        }
    )
    pq.write_table(table, file)


def _csv(file: Path, header: str, rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.write(header + "\n")
        stream.writelines(",".join(row) + "\n" for row in rows)


def flip_label(root: Path) -> str:
    """Gives the first image of val another label; returns its path."""
    file = root / "val.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    path, label = lines[1].rstrip("\n").split(",")
    other = next(line.rstrip("\n").split(",")[1] for line in lines[2:] if f",{label}" not in line)
    lines[1] = f"{path},{other}\n"
    file.write_text("".join(lines), encoding="utf-8")
    return path


def main() -> None:
    """Writes the dataset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    print(make_dataset(given.work, given.images, given.classes))


if __name__ == "__main__":
    main()
