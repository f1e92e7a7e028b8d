"""Predictions of MobileNet for the 11,000 pictures of Tiny ImageNet, and a dataset that uses them.

    python benchmarks/mobilenet.py --work FOLDER --out DATASET

Needs `pip install ai-edge-litert`, which nothing else here does. The weights are those handed over
with the real data (MobileNet v2 1.0, 224 pixels, 8 bits, trained on the 1,000 classes of ImageNet).
DATASET becomes a folder that `labelgate check` takes: pictures by split and class, `classes.csv`,
and the predictions twice, as two kinds of users have them:

- `top5.parquet`: the five most likely of all 1,000 classes. The dataset has 20 of them, the others
  count as "other", and wrong: this is the accuracy the model was built for.
- `scores.npy` with `paths.txt` and `wnids.txt`: all scores, of which those of the other 980 classes
  are dropped: how well does the model tell these 20 classes apart?
"""

import argparse
import csv
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ai_edge_litert.interpreter import Interpreter
from data import link, unpack
from numpy.typing import NDArray
from PIL import Image

WEIGHTS = "mobilenet_v2_1.0_224_quant.tflite"

SIDE = 224
"""Pixels of a side that the network sees: the middle 87.5 % of the picture, as it was trained."""

BACKGROUND = 1
"""Outputs before the 1,000 classes."""

K = 5

DESCRIPTION = """\
[dataset]
name = "tiny-imagenet"

[splits.train]
images = "train"
[splits.val]
images = "val"

[classes]
table = "classes.csv"

[[predictions]]
name = "mobilenet"
table = "top5.parquet"
unknown_classes = "other"

[[predictions]]
name = "mobilenet among 20"
table = "scores.npy"
paths = "paths.txt"
classes = "wnids.txt"
unknown_classes = "drop"
"""


def lay_out(tiny: Path, out: Path) -> list[str]:
    """Links the pictures as split/class/picture; returns their paths."""
    paths = []
    with (tiny / "index.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            path = f"{row['split']}/{row['label']}/{Path(row['path']).name}"
            link(tiny / row["path"], out / path)
            paths.append(path)
    return sorted(paths)


def write_classes(known: list[dict[str, str]], wanted: set[str], file: Path) -> None:
    """Writes the class table: what the dataset's classes are called by whom."""
    columns = {"name_openai": "openai_name", "name_modified": "modified_name", "synonyms": "lemmas"}
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["class", "name", *columns, "index"])
        for row in (row for row in known if row["wnid"] in wanted):
            name = row["lemmas"].split("|")[0]
            table.writerow([row["wnid"], name, *map(row.get, columns.values()), row["index"]])


def prepare(file: Path) -> NDArray[np.uint8]:
    """Resizes a picture so that its middle fills the network's input; (SIDE, SIDE, 3)."""
    with Image.open(file) as image:
        picture = image.convert("RGB")
    factor = SIDE / 0.875 / min(picture.size)
    width, height = (max(SIDE, round(side * factor)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    return np.asarray(picture.crop((left, top, left + SIDE, top + SIDE)))


def predict(weights: Path, root: Path, paths: list[str]) -> NDArray[np.float32]:
    """Runs the network in this process, one picture at a time; (N, 1000) logits."""
    network = Interpreter(str(weights), num_threads=1)
    network.allocate_tensors()
    (asked,), (answer,) = network.get_input_details(), network.get_output_details()
    step, zero = answer["quantization"]
    scores = np.empty((len(paths), answer["shape"][-1] - BACKGROUND), np.float32)
    started = time.perf_counter()
    for number, path in enumerate(paths):
        network.set_tensor(asked["index"], prepare(root / path)[None])
        network.invoke()
        output = network.get_tensor(answer["index"]).ravel()[BACKGROUND:]
        scores[number] = (output.astype(np.float32) - zero) * step
        if number % 500 == 499:
            seconds = time.perf_counter() - started
            print(f"{number + 1:,} of {len(paths):,}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return scores


def write_predictions(
    out: Path, paths: list[str], wnids: list[str], scores: NDArray[np.float32]
) -> None:
    """Writes the five best of each picture as Parquet, and all scores as `.npy`."""
    top = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    table = {
        "path": np.repeat(paths, K).tolist(),
        "class": np.array(wnids)[top].ravel().tolist(),
        "score": np.take_along_axis(scores, top, axis=1).ravel(),
    }
    pq.write_table(pa.table(table), out / "top5.parquet", compression="zstd")
    np.save(out / "scores.npy", scores)
    (out / "paths.txt").write_text("\n".join(paths) + "\n", encoding="utf-8")
    (out / "wnids.txt").write_text("\n".join(wnids) + "\n", encoding="utf-8")


def main() -> None:
    """Makes the dataset, and prints where it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="Where archives are unpacked.")
    parser.add_argument("--out", type=Path, required=True, help="The dataset; replaced.")
    given = parser.parse_args()
    samples = unpack("imagenet_samples_dev", given.work)
    classes = unpack("imagenet_classes_dev", given.work) / "imagenet_classes.csv"
    with classes.open(encoding="utf-8", newline="") as stream:
        known = sorted(csv.DictReader(stream), key=lambda row: int(row["index"]))
    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    paths = lay_out(unpack("tiny_imagenet_dev", given.work), given.out)
    write_classes(known, {path.split("/")[1] for path in paths}, given.out / "classes.csv")
    scores = predict(samples.parent / "weights" / WEIGHTS, given.out, paths)
    write_predictions(given.out, paths, [row["wnid"] for row in known], scores)
    (given.out / "dataset.toml").write_text(DESCRIPTION, encoding="utf-8")
    print(f"labelgate check {given.out}")


if __name__ == "__main__":
    main()
