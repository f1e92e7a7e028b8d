"""Exact duplicates: a hash proposes, pixels decide, and the counts are those of a plain count."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelgate.fixtures import decoding
from labelgate.fixtures.comparison import _died, compare_pixels
from labelgate.fixtures.dataset import UNLABELLED, Dataset, SplitNames, assemble
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.exact_duplicates import ExactDuplicates, propose_groups
from labelgate.fixtures.pixels import RGB, pixel_hash
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.store import open_store

Measure = Callable[..., tuple[Dataset, Any]]

ACROSS = "no_exact_duplicates_across_splits"
WITHIN = "no_exact_duplicates_within_a_split"
ONE_LABEL = "identical_pixels_have_one_label"


def silent(title: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda done: None)


def as_lists(groups: Sequence[Any]) -> list[list[int]]:
    return [[int(image) for image in group] for group in groups]


def find(measured: tuple[Dataset, Any], store: Path, workers: int = 0) -> list[list[str]]:
    dataset, pixels = measured
    proposed = propose_groups(pixels.hashes)
    asked = Settings(dataset.root, store, None, None, store, workers, rehash=False)
    groups = compare_pixels(dataset, pixels, open_store(store), asked, silent, proposed)
    return [[dataset.paths[image] for image in group] for group in groups]


# --- proposing ----------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-2, 6), max_size=30), st.integers(0, 15))
def test_a_planted_partition_is_found_exactly(kinds: list[int], byte: int) -> None:
    hashes = np.zeros((len(kinds), 16), np.uint8)
    hashes[[kind >= 0 for kind in kinds], byte] = 1 + np.array([k for k in kinds if k >= 0])
    expected = [
        [i for i, other in enumerate(kinds) if other == kind]
        for kind in dict.fromkeys(kinds)
        if kind >= 0 and kinds.count(kind) > 1
    ]
    assert as_lists(propose_groups(hashes)) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.randoms())
def test_groups_follow_their_images_in_any_order(kinds: list[int], random: Random) -> None:
    order = list(range(len(kinds)))
    random.shuffle(order)
    table = np.random.default_rng(0).integers(1, 256, (6, 16), dtype=np.uint8)
    there = {frozenset(group) for group in as_lists(propose_groups(table[kinds]))}
    moved = as_lists(propose_groups(table[[kinds[i] for i in order]]))
    assert {frozenset(order[i] for i in group) for group in moved} == there


def test_no_image_is_in_no_group() -> None:
    assert propose_groups(np.zeros((0, 16), np.uint8)) == []
    assert propose_groups(np.zeros((5, 16), np.uint8)) == []


def test_a_group_of_twenty_thousand_is_found_and_laid_out_at_once() -> None:
    n = 20_000
    splits = [
        SplitNames(
            name, [f"{name}/{i}" for i in range(n // 2)], [str(i % 50) for i in range(n // 2)]
        )
        for name in ("train", "val")
    ]
    started = time.monotonic()
    groups = propose_groups(np.full((n, 16), 7, np.uint8))
    found = ExactDuplicates(assemble("x", Path("/x"), splits), groups)
    rows = list(found.measurements())
    assert len(found.evidence()["duplicates.csv"]) == n
    assert [row.value for row in rows if row.property == ACROSS] == [200] * 100
    assert max(len(row.note) for row in rows) < 2000
    assert time.monotonic() - started < 10


# --- comparing ----------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Seven pictures: three kinds, in several containers, and two files that are no pictures."""
    folder = tmp_path / "data/train/c"
    folder.mkdir(parents=True)
    for kind, containers in enumerate((["PNG", "BMP", "TIFF", "WEBP"], ["PNG", "GIF"], ["PNG"])):
        picture = Image.new("L", (6, 5), 40 * kind + 7)
        picture.putpixel((0, 0), 255)
        for container in containers:
            options = {"lossless": True} if container == "WEBP" else {}
            mode = "L" if container == "GIF" else "RGB"
            file = folder / f"{kind}.{container.lower()}"
            picture.convert(mode).save(file, container, **options)
    for name in ("bad1", "bad2"):
        (folder / name).write_bytes(b"the same text")
    for file in folder.iterdir():
        os.utime(file, (1_600_000_000, 1_600_000_000))
    return tmp_path / "data"


TRUE = [
    ["train/c/0.bmp", "train/c/0.png", "train/c/0.tiff", "train/c/0.webp"],
    ["train/c/1.gif", "train/c/1.png"],
]


@pytest.mark.parametrize("workers", [0, 2])
def test_lossless_copies_in_any_container_are_one_group(
    root: Path, tmp_path: Path, measure: Measure, workers: int
) -> None:
    measured = measure(root, tmp_path / "store")
    assert find(measured, tmp_path / "store", workers) == TRUE


def test_files_that_are_no_images_are_no_duplicates_of_each_other(
    root: Path, tmp_path: Path, measure: Measure
) -> None:
    dataset, pixels = measure(root, tmp_path / "store")
    assert {dataset.paths[i] for i in pixels.problems} == {"train/c/bad1", "train/c/bad2"}
    assert not any("bad" in path for group in find((dataset, pixels), tmp_path) for path in group)


@pytest.mark.parametrize("bits", [0, 1])
def test_colliding_hashes_are_split_into_the_true_groups(
    root: Path, tmp_path: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch, bits: int
) -> None:
    def colliding(pixels: RGB) -> bytes:
        return bytes([1 + pixel_hash(pixels)[0] % 2**bits]) * 16

    monkeypatch.setattr(decoding, "pixel_hash", colliding)
    measured = measure(root, tmp_path / "store")
    proposed = propose_groups(measured[1].hashes)
    assert len(proposed) <= 2**bits
    for _ in range(2):  # measured, then from the store
        assert find(measured, tmp_path / "store") == TRUE


def test_many_kinds_under_one_hash_are_told_apart(
    tmp_path: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data/train/c"
    folder.mkdir(parents=True)
    kinds = [3, 0, 1, 4, 0, 2, 1, 3, 3, 5, 0]
    for number, kind in enumerate(kinds):
        picture = Image.new("RGB", (4, 4), (kind, 0, 0))
        file = folder / f"{number:02}.png"
        picture.save(file)
        file.write_bytes(file.read_bytes() + bytes([number]))  # no two files have the same bytes
    monkeypatch.setattr(decoding, "pixel_hash", lambda pixels: b"x" * 16)
    measured = measure(tmp_path / "data", tmp_path / "store")
    expected = [
        [f"train/c/{i:02}.png" for i, other in enumerate(kinds) if other == kind]
        for kind in dict.fromkeys(kinds)
        if kinds.count(kind) > 1
    ]
    assert find(measured, tmp_path / "store") == expected


def test_the_same_pixel_bytes_in_another_shape_are_no_copy(
    tmp_path: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data/train/c"
    folder.mkdir(parents=True)
    for name, size in (("wide", (6, 2)), ("high", (2, 6)), ("square", (3, 4))):
        Image.new("RGB", size, "red").save(folder / f"{name}.png")
    assert find(measure(tmp_path / "data", tmp_path / "store"), tmp_path / "store") == []
    monkeypatch.setattr(decoding, "pixel_hash", lambda pixels: b"x" * 16)
    assert find(measure(tmp_path / "data", tmp_path / "store 2"), tmp_path / "store 2") == []


@pytest.mark.parametrize("act", ["changed", "removed", "linked"])
def test_a_file_that_changes_before_it_is_compared_is_named(
    root: Path, tmp_path: Path, measure: Measure, act: str
) -> None:
    measured = measure(root, tmp_path / "store")
    file = root / "train/c/0.tiff"
    if act == "changed":
        shutil.copy(root / "train/c/2.png", file)
    else:
        file.unlink()
    if act == "linked":
        file.symlink_to("/etc/hostname")
    with pytest.raises(DatasetError, match=r"'train/c/0\.tiff' changed .* run again"):
        find(measured, tmp_path / "store")


def test_a_comparison_is_made_once_and_for_contents_only(
    root: Path, tmp_path: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = measure(root, tmp_path / "store")
    assert find(measured, tmp_path / "store") == TRUE
    shutil.copytree(root, tmp_path / "moved")
    monkeypatch.setattr("labelgate.fixtures.comparison.decode_again", None)
    assert find(measured, tmp_path / "store") == TRUE
    assert find(measure(tmp_path / "moved", tmp_path / "store"), tmp_path / "store") == TRUE


def test_who_dies_while_comparing_is_named() -> None:
    with pytest.raises(DatasetError) as told:
        _died((b"key", ("train/a", "train/b", "val/c"), (b"1", b"2", b"3")))
    assert str(told.value) == (
        "The process that compared 'train/a' with 2 others was killed, perhaps out of memory; "
        "run again with fewer --workers."
    )


# --- counting -----------------------------------------------------------------------------------

Row = tuple[str, str | None, int]
"""Split, label and picture of an image."""


@st.composite
def small_datasets(draw: st.DrawFn) -> list[Row]:
    labelled = {"test": draw(st.booleans()), "train": True, "val": draw(st.booleans())}
    row = st.tuples(st.sampled_from(sorted(labelled)), st.sampled_from("abc"), st.integers(0, 5))
    return [
        (split, label if labelled[split] else None, picture)
        for split, label, picture in draw(st.lists(row, min_size=1, max_size=14))
    ]


def laid_out(rows: list[Row]) -> tuple[ExactDuplicates, list[Row]]:
    """The duplicates of a planted dataset, and its rows in the order of its images."""
    splits = []
    for name in sorted({split for split, _, _ in rows}):
        mine = [(i, label) for i, (split, label, _) in enumerate(rows) if split == name]
        labels = [label for _, label in mine if label is not None]
        paths = [f"{name}/{i:02}" for i, _ in mine]
        splits.append(SplitNames(name, paths, labels if len(labels) == len(paths) else None))
    dataset = assemble("x", Path("/x"), splits)
    ordered = [rows[int(path.rpartition("/")[2])] for path in dataset.paths]
    hashes = np.array([[picture + 1] * 16 for _, _, picture in ordered], np.uint8)
    return ExactDuplicates(dataset, propose_groups(hashes)), ordered


def concerned(rows: list[Row], name: str, image: int) -> bool:
    """Whether an image is to be counted, told pair by pair."""
    split, label, picture = rows[image]
    others = [row for i, row in enumerate(rows) if i != image and row[2] == picture]
    if name == ACROSS:
        return any(other[0] != split for other in others)
    if name == WITHIN:
        return any(other[0] == split for other in others)
    return label is not None and any(other[1] not in (None, label) for other in others)


@settings(max_examples=200, deadline=None)
@given(small_datasets())
def test_counts_are_those_of_a_plain_count(rows: list[Row]) -> None:
    found, rows = laid_out(rows)
    data = found.dataset
    seen = set()
    for row in found.measurements():
        mine = [
            i
            for i, (split, label, _) in enumerate(rows)
            if (split, label or UNLABELLED) == (row.split, row.subject)
        ]
        seen.add((row.property, row.subject, row.split))
        assert row.n == len(mine) > 0
        if (row.property, row.subject) == (ONE_LABEL, UNLABELLED):
            assert (row.value, bool(row.reason)) == (None, True)
            continue
        assert row.value == sum(concerned(rows, row.property, image) for image in mine)
        shown = {image for group in row.examples for image in group}
        assert {image for image in mine if concerned(rows, row.property, image)} <= shown
        assert bool(row.note) == bool(row.value)
    cells = {(label or UNLABELLED, split) for split, label, _ in rows}
    assert seen == {(name, *cell) for name in (ACROSS, WITHIN, ONE_LABEL) for cell in cells}
    assert set(data.paths) == {data.paths[i] for i in range(len(rows))}


@settings(max_examples=200, deadline=None)
@given(small_datasets())
def test_figures_and_evidence_are_those_of_a_plain_count(rows: list[Row]) -> None:
    found, rows = laid_out(rows)
    groups = [
        [row for row in rows if row[2] == picture]
        for picture in sorted({row[2] for row in rows})
        if sum(row[2] == picture for row in rows) > 1
    ]
    figures = dict(found.figures())
    conflicts = [g for g in groups if len({label for _, label, _ in g} - {None}) > 1]
    assert figures.pop("groups of identical pixels") == len(groups)
    assert figures.pop("groups under several labels") == len(conflicts)
    splits = sorted({row[0] for row in rows})
    for split in splits:
        within = sum([row[0] for row in group].count(split) > 1 for group in groups)
        assert figures.pop(f"groups within {split}") == within
    for a, b in combinations(splits, 2):
        across = sum({a, b} <= {row[0] for row in group} for group in groups)
        assert figures.pop(f"groups across {a} and {b}") == across
    assert figures == {}
    evidence = found.evidence()
    assert len(evidence["duplicates.csv"]) == sum(map(len, groups))
    assert len(evidence["label_conflicts.csv"]) == sum(map(len, conflicts))
    assert set(evidence["label_conflicts.csv"]["group"]) <= set(evidence["duplicates.csv"]["group"])
    assert list(evidence["duplicates.csv"]) == ["group", "kind", "path", "split", "label"]


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([("train", "a", 0), ("val", "b", 0)], "train/00 (a) = val/01 (b)"),
        ([("test", None, 0), ("train", "a", 0)], "test/00 = train/01 (a)"),
        (
            [("train", "a", 0), ("train", "a", 1), ("val", "b", 1), ("val", "b", 0)],
            "train/00 (a) = val/03 (b); 2 groups",
        ),
        (
            [("train", "a", 0)] * 9 + [("val", "b", 0)],
            " = ".join([*(f"train/{i:02} (a)" for i in range(9)), "val/09 (b)"]),
        ),
        (
            [("train", "a", 0)] * 10 + [("val", "b", 0)] * 2,
            " = ".join(f"train/{i:02} (a)" for i in range(10)) + " and 2 more",
        ),
    ],
    ids=["pair", "unlabelled", "two groups", "ten", "twelve"],
)
def test_a_note_names_the_first_group_and_how_many_there_are(rows: list[Row], note: str) -> None:
    found, _ = laid_out(rows)
    notes = {row.note for row in found.measurements() if row.property == ACROSS}
    assert notes - {""} == {note}


def test_evidence_names_every_image_of_a_group() -> None:
    found, _ = laid_out([("test", None, 3), ("train", "a", 3), ("train", "b", 5), ("val", "b", 5)])
    assert found.evidence()["duplicates.csv"].to_numpy().tolist() == [
        [0, "exact", "test/00", "test", ""],
        [0, "exact", "train/01", "train", "a"],
        [1, "exact", "train/02", "train", "b"],
        [1, "exact", "val/03", "val", "b"],
    ]
    assert found.evidence()["label_conflicts.csv"].empty
