"""Good inputs of every reader, small: what `fuzz_targets` spoils one file of."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import packed_images
import pyarrow as pa
import pyarrow.parquet as pq
from encoded_pictures import encode
from small_wordnet import NOUNS, write_wordnet

CLASSES = ("crane", "laptop", "notebook")
IMAGES = {f"{split}/{c}/{n}.png": c for split in ("train", "val") for c in CLASSES for n in (0, 1)}
"""The label of each image."""

RELABELS: Mapping[str, tuple[str, Sequence[str]]] = {
    "labelgate": ("path,labels,status", ("{path},{label},A", "{path},,Z")),
    "tidy": ("image,study,status,label_list", ("{path},tidy,M,{label}|crane",)),
    "proposed": ("id,proposed_labels", ("{path},{label}",)),
    "votes": (
        "path,given,guessed,votes_given,votes_guessed,votes_both,votes_neither",
        ("{path},{label},crane,3,1,1,0",),
    ),
    "unanimous": (
        "path,given,guessed,votes_given,votes_guessed,votes_both,votes_neither",
        ("{path},{label},crane,5,0,0,0",),
    ),
    "counts": ("path,n_crane,n_laptop,n_notebook", ("{path},9,1,0",)),
    "column": ("path,column", ("{path},{label}",)),
    "outcome": ("path,outcome", ("{path},{label}", "{path},ambiguous")),
}
"""First line and rows of each form in which studies are published."""

MANIFEST = """\
[dataset]
name = "seeds"
[splits.train]
images = "train"
[splits.val]
images = "val"
labels = "val.csv"
[splits.gone]
images = false
labels = "gone.csv"
[classes]
table = "classes.csv"
groups = "groups.json"
templates = "templates.txt"
[wordnet]
folder = "dict"
[multilabels]
table = "multilabels.csv"
[sources]
table = "sources.csv"
[[reviews]]
table = "review.csv"
[[predictions]]
name = "rows"
table = "rows.csv"
[[predictions]]
name = "columns"
table = "columns.parquet"
unknown_classes = "other"
[[predictions]]
name = "array"
table = "array.npy"
paths = "paths.txt"
classes = "names.txt"
[options]
limits = "limits.toml"
known_failures = "known_failures.toml"
predictor = "knn"
"""

LIMITS = """\
[decoding]
max_pixels = 1000000
[statistics]
confidence = 0.9
least_images = 2
[files.every_image_decodes]
max = 1
source = "x"
severity = "info"
finding = "{n} of them: {value}"
[[files.every_image_decodes.overrides]]
class = "crane"
split = "val"
max = 2
source = "why"
"""

KNOWN = """\
[[known]]
test = "test_files::test_every_image_decodes[crane]"
reason = "seen"
owner = "somebody"
expires = 2999-01-01
[[known]]
property = "no_source_dominates"
subject = "laptop"
reason = "seen"
owner = "somebody"
expires = 2999-01-01
issue = "https://example.org/1"
value = 0.5
"""


def write_seeds(folder: Path) -> None:
    """Writes all of them but reports and store: `data`, `packed`, `files` and `weights`."""
    root = folder / "data"
    _draw(root)
    wnids = write_wordnet(root / "dict", NOUNS)
    _write_tables(root, {"crane": wnids["bird"], "laptop": wnids["laptop"], "notebook": "n1"})
    _write_predictions(root)
    relabels = "".join(
        f'[[relabels]]\nstudy = "{form}"\ntable = "{form}.csv"\nformat = "{form}"\n'
        for form in RELABELS
    )
    (root / "dataset.toml").write_text(MANIFEST + relabels)
    for name, text in (("limits.toml", LIMITS), ("known_failures.toml", KNOWN)):
        (root / name).write_text(text)
    images = folder / "images"
    _draw(images)
    (folder / "packed").mkdir()
    for name, pack in packed_images.LAYOUTS.items():
        pack(images, folder / "packed" / name)
    _write_files(folder / "files")
    write_weights(folder / "weights")


def _draw(root: Path) -> None:
    for number, path in enumerate(IMAGES):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(encode(np.full((8, 8, 3), 9 * number, np.uint8), "PNG"))
        packed_images.age(root / path)


def _write_tables(root: Path, wnids: Mapping[str, str]) -> None:
    rows = list(IMAGES.items())
    first, second = rows[0][0], rows[1][0]
    tables: dict[str, list[Sequence[object]]] = {
        "classes": [("class", "index", "wnid", "name", "name_b", "gloss", "lemmas", "synonyms")]
        + [(c, n, wnids[c], c, f"a {c}", "it is", c, "") for n, c in enumerate(CLASSES)],
        "val": [("path", "label"), *(row for row in rows if row[0].startswith("val"))],
        "gone": [("path", "label", "split"), ("gone/1", "crane", "gone"), ("x", "crane", "y")],
        "multilabels": [("path", "labels"), (first, "crane|laptop"), (second, "crane")],
        "sources": [("path", "source"), *((path, path[:9]) for path, _ in rows)],
        "review": [
            ("path_a", "path_b", "decision", "label", "reviewer", "date"),
            (first, second, "different", "", "ann", "2026-01-02"),
            (first, "", "label", "crane|laptop", "bob", "2026-01-02"),
        ],
    }
    for name, lines in tables.items():
        _write_csv(root / f"{name}.csv", lines)
    for form, (head, patterns) in RELABELS.items():
        told = (
            patterns[n % len(patterns)].format(path=path, label=label)
            for n, (path, label) in enumerate(rows)
        )
        (root / f"{form}.csv").write_text("\n".join([head, *told, ""]))
    groups = [{"classes": {"laptop": "a", "notebook": "b"}, "category": [2, 5], "name": "desk"}]
    (root / "groups.json").write_text(json.dumps(groups))
    (root / "templates.txt").write_text("a photo of a {}\na {}, drawn\n")


def _write_csv(file: Path, rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def _write_predictions(root: Path) -> None:
    names = [*CLASSES, "other"]
    rows = [(path, c, n / 7) for path in IMAGES for n, c in enumerate(CLASSES)]
    _write_csv(root / "rows.csv", [("path", "class", "score"), *rows])
    columns = {n: [row[i] for row in rows] for i, n in enumerate(("path", "class", "score"))}
    pq.write_table(pa.table(columns), root / "columns.parquet")
    scores = np.random.default_rng(0).random((len(IMAGES), 3), np.float32)
    np.save(root / "array.npy", scores)
    (root / "paths.txt").write_text("\n".join(IMAGES) + "\n")
    (root / "names.txt").write_text("\n".join(names[:3]) + "\n")


def _write_files(folder: Path) -> None:
    """Vectors of the user's own, beside the text that says of which images."""
    folder.mkdir()
    np.save(folder / "vectors.npy", np.random.default_rng(1).random((len(IMAGES), 5)))
    (folder / "vectors.txt").write_text("\n".join(IMAGES) + "\n")


def write_weights(folder: Path) -> None:
    """Writes networks with random weights: a CLIP, one of timm in two forms, a TorchScript one."""
    import torch
    from random_networks import Colours, archive
    from safetensors.torch import save_file
    from tiny_clip import write_checkpoint

    write_checkpoint(folder / "clip")
    import timm

    tensors = timm.create_model("test_vit", num_classes=3).state_dict()
    save_file(tensors, folder / "vit.safetensors")
    torch.save(tensors, folder / "vit.pt")
    archive(Colours(), folder / "net.pt", input_size="32")


def write_reports(folder: Path) -> None:
    """Checks a small dataset as a whole and in two shards, into `reports`: 20 s."""
    root = folder / "checked"
    for number in range(12):
        file = root / f"train/{'abc'[number % 3]}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(np.full((8, 8, 3), 20 * (number // 6), np.uint8), "PNG"))
    check = [sys.executable, "-m", "labelgate.plugins.command", "check", str(root)]
    chosen = ["-q", "-k", "files or exact_duplicates or taxonomy", "-p", "no:cacheprovider"]
    for name, more in (("whole", []), ("1", ["--shard=1/2"]), ("2", ["--shard=2/2"])):
        report = f"--report={folder / 'reports' / name}"
        store = f"--store={folder / 'store-of-reports'}"
        run = subprocess.run(
            [*check, report, store, *chosen, *more], capture_output=True, text=True, check=False
        )
        assert run.returncode == 1, run.stdout + run.stderr


def copy_reports(source: Path, folder: Path) -> None:
    """Takes reports that are there already: `whole`, `1` and `2`, and the data they speak of."""
    for name in ("whole", "1", "2"):
        shutil.copytree(source / name, folder / "reports" / name)
    shutil.copytree(source / "data", folder / "checked")


def write_store(folder: Path) -> None:
    """Fills a store: files and pixels of `images`, the index of `packed/zip`, a few vectors."""
    from fuzz_targets import read_index, read_store

    from labelgate.fixtures.store import open_store
    from labelgate.fixtures.vector_table import VectorTable

    read_store(folder)
    read_index(folder)
    content = np.arange(4 * 32, dtype=np.uint8).reshape(4, 32)
    vectors = np.eye(4, 3, dtype=np.float16)
    table = open_store(folder / "store").table("vectors")
    VectorTable(table.folder, 3).append(content, vectors)
