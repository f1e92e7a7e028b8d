"""Every gate on CIFAR-10: flaws planted in photographs, just below, at and just above their limits.

    python benchmarks/closing.py --work FOLDER

Plants a flaw for each property in 600 pictures of CIFAR-10, compares with the release before them,
moves every limit to where a flaw is (`meta_tests/moved_limits.py`), and prints a row a property.
Ends with 1 if a cell with a moved limit is not what it must be, or if any other cell changes.
"""

import argparse
import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from data import link, unpack
from PIL import Image, ImageEnhance, ImageOps

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.sample.build import build_sample

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "meta_tests"))

from moved_limits import (
    STEPS,
    WORSE,
    Cell,
    Place,
    Told,
    expect,
    flawed_cells,
    read_cells,
    write_moved,
)

PICTURES = {"train": 90, "test": 30}
"""Of each of the five classes."""

MEANT = {"airplane": "laptop", "dog": "notebook", "frog": "tusker", "ship": "elephant"}
MEANT["truck"] = "space bar"
"""The class of the sample whose names and synset stand for each class here, wrong on purpose: one
is a kind of another, two mean nearly the same, and the sample's model knows none."""

ORIGINALS = range(1, 60)
"""Pictures that flaws are planted from; the class has more, so that none is used twice."""


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
        row["name"] = "portable computer" if row["class"] in ("airplane", "dog") else row["name"]
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


def check(work: Path, data: str, report: str, *more: str) -> dict[Cell, Told]:
    """Runs the suite, and reads every cell of its report."""
    command = [sys.executable, "-m", "labelgate.plugins.command", "check", str(work / data)]
    where = [f"--store={work / 'store'}", f"--report={work / report}", "-q"]
    run = subprocess.run([*command, *where, *more], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{report}: {run.stdout}{run.stderr}")
    return read_cells(work / report)


def compare(before: dict[Cell, Told], after: dict[Cell, Told], way: Place) -> list[str]:
    """Names each cell that is not what the moved limits ask for."""
    wrong = []
    for cell, expected in expect(before, way).items():
        same = after[cell].value == before[cell].value or cell.property == WORSE
        if after[cell].passed != expected or not same:
            wrong.append(f"{way}: {cell} is {after[cell]}, was {before[cell]}")
    return wrong + [f"{way}: {cell} is new" for cell in after.keys() - before.keys()]


def main() -> int:
    """Plants, judges four times, and prints a row a property."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work.resolve()
    source = unpack("cifar10_dev", work)
    for made in ("words", "old", "new", "frogs"):
        shutil.rmtree(work / made, ignore_errors=True)
    build_sample(work / "words")
    lay_out(work / "old", source, work / "words")
    shutil.copytree(work / "old", work / "new")
    (work / "frogs").mkdir()
    others = sorted((source / "test" / "frog").iterdir())[500:]
    for file, other in zip(sorted((work / "old/test/airplane").iterdir()), others, strict=False):
        shutil.copy(other, work / "frogs" / file.name)
    plant(work / "new")
    check(work, "old", "report-old")
    baseline = f"--baseline={work / 'report-old'}"
    before = check(work, "new", "report-new", baseline)
    moved, wrong, told = flawed_cells(before), [], {}
    for way in STEPS:
        file = work / f"{way}.toml"
        write_moved(file, moved, way)
        told[way] = check(work, "new", f"report {way}", baseline, f"--limits={file}")
        wrong += compare(before, told[way], way)
    for name in sorted(read_limits(None).properties):
        print(row_of(name, before, moved, told), flush=True)
    print("\n".join(wrong) or f"{len(moved)} moved cells as they must be, {len(before)} in all")
    return int(bool(wrong))


def row_of(
    name: str, before: dict[Cell, Told], moved: dict[Cell, Told], told: dict[str, dict[Cell, Told]]
) -> str:
    """A property: its first flawed cell under each limit, and how many there are."""
    cells = [cell for cell in moved if cell.property == name]
    if not cells:
        return f"| `{name}` | not measured | | | | | 0 |"
    cell = next((each for each in cells if before[each].passed is False), cells[0])
    ways = (f"{told[way][cell].limit}: {told[way][cell].passed}" for way in STEPS)
    where = ", ".join(filter(None, cell[1:]))
    failing = sum(before[each].passed is False for each in cells)
    return f"| `{name}` | {where} | {before[cell].value:.3g} | {' | '.join(ways)} | {failing} |"


if __name__ == "__main__":
    sys.exit(main())
