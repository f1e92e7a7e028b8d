"""The same images in every layout: the same facts, the same values, the same verdicts."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import packed_images as packed
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageFilter
from servers import s3_server, upload

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.report_json import load_report

WAYS = {"folder": "folder", "shuffled": "s3://layouts/webdataset"}
"""Whole runs: of the folder, and of shards in a bucket that are in another order, with other names.
"""

IMAGES = 11


def draw_photos(root: Path) -> Path:
    """Draws two classes in two splits, with a copy, an altered copy and a bad file among them."""
    rng = np.random.default_rng(0)

    def save(path: str, blurred: int = 0, seed: int | None = None) -> None:
        source = rng if seed is None else np.random.default_rng(seed)
        image = Image.fromarray(source.integers(0, 256, (6, 6, 3), np.uint8)).resize((64, 64))
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        image.filter(ImageFilter.GaussianBlur(blurred)).save(file)

    for label in ("cat", "dog"):
        for split, count in (("train", 2), ("val", 1)):
            for number in range(count):
                save(f"{split}/{label}/{split}{label}{number}.png")
    save("train/cat/copied.png", seed=1)
    save("val/dog/copy.png", seed=1)
    save("train/dog/blurred.png", seed=2)
    save("val/dog/blur.png", 1, seed=2)
    (root / "val/cat/bad.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    draw_photos(folder / "folder")
    for name, write in packed.LAYOUTS.items():
        write(folder / "folder", folder / name)
    return folder


def facts(dataset: Dataset, pixels: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """What was measured of each image, whatever it is called."""
    return sorted(
        (
            *(bytes(pixels.content[i]), dataset.split_of(i), dataset.label_of(i)),
            *(bytes(pixels.hashes[i]), int(pixels.width[i]), pixels.problems.get(i)),
        )
        for i in range(len(dataset.paths))
    )


@pytest.mark.parametrize("layout", packed.LAYOUTS)
def test_every_layout_gives_the_facts_of_the_folder(
    layouts: Path, layout: str, tmp_path: Path, measure: Callable[..., Any]
) -> None:
    folder, in_folder = measure(layouts / "folder", layouts / "store")
    dataset, pixels = measure(layouts / layout, tmp_path, workers=1)
    assert facts(dataset, pixels) == facts(folder, in_folder)
    assert pixels.read == pixels.decoded == IMAGES
    again = measure(layouts / layout, tmp_path)[1]
    assert (again.read, again.decoded) == (0, 0)


@pytest.fixture(scope="module")
def reports(
    layouts: Path,
    suite: Callable[..., "CompletedProcess[str]"],
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> Path:
    chosen = (
        "-k",
        "test_files or test_exact_duplicates or copies_across or views_across",
        "--tau=0.3",
        "--workers=0",
    )

    def check(way: str, layout: str) -> Callable[[], "CompletedProcess[str]"]:
        named = (f"--dataset={layout}", f"--report=report-{way}", f"--store=store-{way}")
        return lambda: suite(layouts, *named, *chosen)

    with s3_server():
        upload(layouts, "layouts")
        ended = at_once({way: check(way, layout) for way, layout in WAYS.items()})
    assert {way: run.returncode for way, run in ended.items()} == dict.fromkeys(WAYS, 1)
    return layouts


def nameless(folder: Path) -> tuple[str, Any]:
    """The fingerprint and results of a report, with contents for paths and no order in lists."""
    report = load_report(folder)[1]
    rows = pq.read_table(folder / "release.parquet").to_pylist()
    names = {row["path"]: row["content"] for row in rows}

    def rename(told: Any) -> Any:  # noqa: ANN401
        if isinstance(told, str):
            for path in sorted(names, key=len, reverse=True):
                told = told.replace(path, names[path])
            return told
        if isinstance(told, dict):
            return {key: rename(value) for key, value in told.items()}
        if isinstance(told, list):
            return sorted((rename(one) for one in told), key=json.dumps)
        return told

    return report["dataset"]["fingerprint"], rename(report["results"])


def test_order_and_names_of_members_change_no_verdict_and_no_value(reports: Path) -> None:
    of_folder = nameless(reports / "report-folder")
    assert nameless(reports / "report-shuffled") == of_folder
    failed = {r["property"] for r in of_folder[1] if r["outcome"] == "failed"}
    assert {
        "every_image_decodes",
        "no_exact_duplicates_across_splits",
        "no_augmented_copies_across_splits",
    } <= failed


def test_a_report_of_a_folder_speaks_of_its_shards_too(
    reports: Path, python: Callable[..., "CompletedProcess[str]"]
) -> None:
    program = ("-m", "labelgate.plugins.command", "verify", "report-folder")
    ended = python(reports, *program, "webdataset", "--workers=0")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Yes: ")
