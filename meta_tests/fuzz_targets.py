"""What is spoilt, how, and who reads it: every reader of the suite by the file that it reads."""

import contextlib
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import fuzz_mutations as plain
import fuzz_tables as tables
import fuzz_weights as weights
import numpy as np
import xxhash
from fuzz_images import CAPS, read_image
from fuzz_run import OURS, Target, refuse_sentence
from packed_images import age

from labelgate.fixtures.decoding import examine_files


def read_dataset_and_all(folder: Path) -> str:
    """Reads a description and every file that it names, as a run does."""
    from labelgate.expectations.limits import check_overrides
    from labelgate.expectations.limits_file import read_limits
    from labelgate.fixtures.definitions import define_classes
    from labelgate.fixtures.predictors.imported import read_predictions
    from labelgate.fixtures.readers import describe, options_of, predictors_of, read_described
    from labelgate.fixtures.relabel_studies import collect_studies
    from labelgate.fixtures.reviews import settle_labels
    from labelgate.fixtures.wordnet import open_wordnet
    from labelgate.plugins.known_failures import match, read_known_failures

    described = describe(folder / "data")
    options, _ = options_of(described), predictors_of(described)
    dataset = read_described(described)
    for file in dataset.predictions:
        read_predictions(file, dataset)
    collect_studies(dataset)
    settle_labels(dataset)
    wordnet = open_wordnet(dataset.wordnet) if dataset.wordnet else None
    for found in define_classes(dataset, wordnet):
        if wordnet and found.synset:
            wordnet.ancestors(found.synset.offset)
            wordnet.count_below(found.synset.offset, 100)
            wordnet.senses(found.words)
    limits = read_limits(options.get("limits"))
    check_overrides(limits, dataset)
    for limit in limits.properties.values():
        limit.finding.format(value="1", n=1)
    if file := options.get("known_failures"):
        match(file, read_known_failures(file), limits, dataset)
    return "read"


def read_packed(layout: str) -> Callable[[Path], str]:
    """Makes what lists the containers of a layout and reads every image of them."""

    def read(folder: Path) -> str:
        from labelgate.fixtures.containers.lookup import open_index
        from labelgate.fixtures.readers import read_dataset

        open_index.cache_clear()
        dataset = read_dataset(folder / "packed" / layout)
        examined = examine_files(dataset.location, CAPS, (folder, 0), dataset.paths)
        return "images are no images" if examined.unreadable or examined.refused else "read"

    return read


def read_vectors(folder: Path) -> str:
    """Opens `file:<npy>` and scales all its rows."""
    from fuzz_seeds import IMAGES

    from labelgate.fixtures.embedders.vectors_file import load_vectors_file

    vectors = load_vectors_file(f"file:{folder / 'files' / 'vectors.npy'}")
    paths = sorted(IMAGES)
    for _ in vectors.read(vectors.rows(paths, np.arange(len(paths)))):
        pass
    return "read"


def read_embedder(name: str) -> Callable[[Path], str]:
    """Makes what builds a network with the weights of a file, and runs it once; a CLIP wholly."""

    def read(folder: Path) -> str:
        from labelgate.fixtures.embedders import load_embedder
        from labelgate.fixtures.predictors.text_tower import load_text_tower

        asked = name.format(folder / "weights")
        load_embedder(asked, "cpu")
        if asked.startswith("open_clip:"):
            load_text_tower(asked, "cpu", ("a {}",)).encode(["crane"], ["crane"])
        return "read"

    return read


def command(*arguments: str) -> Callable[[Path], str]:
    """Makes what runs a command of the program on the reports; it ends with 0, 1 or 4."""

    def read(folder: Path) -> str:
        from labelgate.plugins.command import main

        shutil.rmtree(folder / "merged", ignore_errors=True)
        given = [argument.replace("{}", str(folder)) for argument in arguments]
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = main(given)
        assert code in (0, 1, 4), code
        said = told.getvalue()
        if code == 4:
            assert said.startswith("ERROR: "), said
            refuse_sentence(said.removeprefix("ERROR: ").removesuffix("\n"))
        return OURS if code == 4 else f"code {code}"

    return read


def seal(folder: Path, report: str) -> None:
    """Makes `report.json` name the tables beside it as they are, as whoever forges them would."""
    file = folder / "reports" / report / "report.json"
    told = json.loads(file.read_bytes())
    for name in ("release", "findings"):
        content = (file.parent / f"{name}.parquet").read_bytes()
        told[name]["sha256"] = hashlib.sha256(content).hexdigest()
    file.write_text(json.dumps(told))


def sealed(read: Callable[[Path], str]) -> Callable[[Path], str]:
    """Makes what seals a forged table before it is read."""

    def forged(folder: Path) -> str:
        seal(folder, "whole")
        return read(folder)

    return forged


def read_baseline(folder: Path) -> str:
    """Opens an earlier report, as `--baseline` does, and compares a release with it."""
    from labelgate.fixtures import baseline
    from labelgate.plugins.report.diff import describe_difference

    old = baseline.read_baseline(folder / "reports" / "whole", "--baseline")
    new = baseline.read_baseline(folder / "reports" / "1", "--baseline")
    old.notices("0" * 64)
    describe_difference(old, new)
    return "read"


def read_store(folder: Path) -> str:
    """Measures pixels with a store in which somebody planted a part whose name fits its bytes."""
    from contextlib import nullcontext

    from labelgate.fixtures import decoding
    from labelgate.fixtures.decode_pass import measure_pixels
    from labelgate.fixtures.pixels import decoder_name
    from labelgate.fixtures.readers import read_dataset
    from labelgate.fixtures.settings import Settings
    from labelgate.fixtures.store import open_store

    decoding._stored_contents.cache_clear()
    dataset = read_dataset(folder / "images")
    _plant(folder / "store", "files", ".parquet", dataset.root)
    _plant(folder / "store", "pixels", ".parquet", decoder_name(), CAPS)
    asked = Settings(dataset.root, folder, None, None, folder, 0, False)
    silent = lambda title, total: nullcontext(lambda done: None)  # noqa: E731
    found = measure_pixels(dataset, open_store(folder / "store"), CAPS, asked, silent)
    return f"read {found.read}"


def read_index(folder: Path) -> str:
    """Reads images by an index of containers that somebody planted."""
    from labelgate.fixtures.containers.lookup import open_index
    from labelgate.fixtures.readers import Memory, read_dataset

    open_index.cache_clear()
    _plant(folder / "store", "containers", ".arrow", str(folder / "packed" / "zip"))
    dataset = read_dataset(folder / "packed" / "zip", Memory(folder / "store"))
    examined = examine_files(dataset.location, CAPS, (folder, 0), dataset.paths)
    return f"{len(examined.refused) + len(examined.unreadable)} are no images"


def read_stored_vectors(folder: Path) -> str:
    """Maps a part of vectors that somebody planted."""
    from labelgate.fixtures.vector_table import VectorTable, find_rows

    table = _plant(folder / "store", "vectors", ".npy")
    stored = VectorTable(table, 3).read()
    find_rows(stored.content, stored.content)
    return f"read {len(np.asarray(stored.vectors))}"


def _plant(store: Path, name: str, suffix: str, *depends_on: object) -> Path:
    """Puts the parts of a table where a run looks for them, named as their bytes ask for.

    Returns:
        The folder of the table.
    """
    from labelgate.fixtures.store import open_store

    table = open_store(store).table(name, *depends_on).folder
    for part in sorted(store.glob(f"v1/{name}-*/part-*{suffix}")):
        table.mkdir(exist_ok=True)
        digest = xxhash.xxh3_128_hexdigest(part.read_bytes())
        age(part).rename(table / f"{part.name.rpartition('-')[0]}-{digest}{suffix}")
    return table


DATA = {
    plain.spoil_toml: ("dataset.toml", "limits.toml", "known_failures.toml"),
    plain.spoil_csv: (
        *("classes.csv", "val.csv", "gone.csv", "multilabels.csv", "sources.csv", "review.csv"),
        *("rows.csv", "labelgate.csv", "tidy.csv", "proposed.csv", "votes.csv", "unanimous.csv"),
        *("counts.csv", "column.csv", "outcome.csv"),
    ),
    plain.spoil_json: ("groups.json",),
    plain.spoil_text: (
        *("templates.txt", "paths.txt", "names.txt", "dict/data.noun", "dict/index.noun"),
    ),
    tables.spoil_parquet: ("columns.parquet",),
    tables.spoil_npy: ("array.npy",),
}
"""The files of a dataset by the way in which they are spoilt."""

PACKED = {
    "train/0000.tar": (tables.spoil_tar, "webdataset"),
    "train-000000.tar": (tables.spoil_tar, "class_tars"),
    "everything.zip": (tables.spoil_zip, "zip"),
    "data/train-00000-of-00002.parquet": (tables.spoil_parquet, "parquet"),
    "train/data-00000-of-00001.arrow": (tables.spoil_arrow, "saved"),
    "train/state.json": (plain.spoil_json, "saved"),
    "dataset_dict.json": (plain.spoil_json, "saved"),
}

VERIFY = command("verify", "{}/reports/whole", "{}/checked", "--workers=0")
MERGE = command("merge", "{}/reports/1", "{}/reports/2", "--report={}/merged")
DIFF = command("diff", "{}/reports/whole", "{}/reports/1")
ACCEPT = command(
    *("accept", "{}/reports/whole", "--all", "--file={}/merged.toml", "--reason=r", "--owner=o"),
    "--until=2999-01-01",
)

REPORTS: dict[str, tuple[str, plain.Way, Callable[[Path], str]]] = {
    "report.json as a baseline": ("whole/report.json", plain.spoil_json, read_baseline),
    "report.json to verify": ("whole/report.json", plain.spoil_json, VERIFY),
    "report.json to diff": ("whole/report.json", plain.spoil_json, DIFF),
    "report.json to accept": ("whole/report.json", plain.spoil_json, ACCEPT),
    "report.json to merge": ("1/report.json", plain.spoil_json, MERGE),
    "pictures.json to merge": ("1/pictures.json", plain.spoil_json, MERGE),
    "review.json to merge": ("1/review.json", plain.spoil_json, MERGE),
    "release.parquet": ("whole/release.parquet", tables.spoil_parquet, sealed(read_baseline)),
    "findings.parquet": ("whole/findings.parquet", tables.spoil_parquet, sealed(read_baseline)),
}
"""Files of reports, by what is done with them."""

CLIP, TIMM = read_embedder("open_clip:{}/clip"), "timm:test_vit/{}"
WEIGHTS: dict[str, tuple[str, plain.Way, Callable[[Path], str]]] = {
    "open_clip_config.json": ("clip/open_clip_config.json", plain.spoil_json, CLIP),
    "weights of a CLIP": ("clip/open_clip_model.safetensors", weights.spoil_safetensors, CLIP),
    "safetensors": (
        *("vit.safetensors", weights.spoil_safetensors),
        read_embedder(f"{TIMM}/vit.safetensors"),
    ),
    "state dict": ("vit.pt", weights.spoil_pickled, read_embedder(f"{TIMM}/vit.pt")),
    "TorchScript": ("net.pt", weights.spoil_archive, read_embedder("torchscript:{}/net.pt")),
}
"""Files of weights, and what describes the network of a local checkpoint."""

STORED: dict[str, tuple[str, plain.Way, Callable[[Path], str]]] = {
    "stored files": ("files-*/part-*.parquet", tables.spoil_parquet, read_store),
    "stored pixels": ("pixels-*/part-*.parquet", tables.spoil_parquet, read_store),
    "stored vectors": ("vectors-*/part-*.npy", tables.spoil_npy, read_stored_vectors),
    "stored index": ("containers-*/part-*.arrow", tables.spoil_index, read_index),
}
"""Parts of a store; their names fit their bytes, as whoever plants them would see to."""


def readers() -> dict[str, Target]:
    """Every reader, by name."""
    found = [
        Target(f"data/{file}", f"data/{file}", way, read_dataset_and_all)
        for way, files in DATA.items()
        for file in files
    ]
    found += [
        Target(f"{layout}: {file}", f"packed/{layout}/{file}", way, read_packed(layout))
        for file, (way, layout) in PACKED.items()
    ]
    vectors = "files/vectors"
    found.append(Target("vectors.npy", f"{vectors}.npy", tables.spoil_npy, read_vectors))
    found.append(Target("vectors.txt", f"{vectors}.txt", plain.spoil_text, read_vectors))
    groups = ("reports", REPORTS), ("store/v1", STORED), ("weights", WEIGHTS)
    for top, group in groups:
        found += [Target(n, f"{top}/{file}", way, read) for n, (file, way, read) in group.items()]
    found.append(Target("images", "corpus/*", plain.spoil_image, read_image))
    return {target.name: target for target in found}
