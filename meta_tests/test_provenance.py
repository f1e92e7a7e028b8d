"""Provenance: the fingerprint follows content, split and label alone; what computed is named."""

import ast
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from importlib.metadata import packages_distributions, version
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import PredictionsFile
from labelgate.fixtures.errors import EmbedderUnavailableError
from labelgate.fixtures.file_hashes import hash_contents
from labelgate.fixtures.identities import (
    DECIDES,
    NETWORKS,
    Identity,
    device_of,
    embedder_identity,
    predictor_identities,
    versions_of,
)
from labelgate.fixtures.location import Location
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.provenance import fingerprint, whole_content
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.settings import Settings
from labelgate.plugins.report.provenance import BEHIND, hash_suites

Image = tuple[str, str, int]
"""Split, label and content."""

CAPS = Caps(10**6, 10**6)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=3)
IMAGES = st.lists(st.tuples(NAMES, NAMES, st.integers(0, 5)), min_size=1, max_size=8)


def fingerprint_of(images: list[Image], names: list[str] | None = None) -> str:
    """The fingerprint of images whose files have these names in their splits."""
    names = names or [str(number) for number in range(len(images))]
    split_names = sorted({split for split, _, _ in images})
    splits = []
    for split in split_names:
        own = [(f"{split}/{n}", i[1]) for n, i in zip(names, images, strict=True) if i[0] == split]
        splits.append(SplitNames(split, [path for path, _ in own], [label for _, label in own]))
    dataset = assemble("memory", Path("/nowhere"), splits)
    content_of = {f"{i[0]}/{n}": i[2] for n, i in zip(names, images, strict=True)}
    digests = [hashlib.sha256(b"%d" % content_of[path]).digest() for path in dataset.paths]
    return fingerprint(dataset, np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32))


@given(IMAGES, st.data())
def test_names_and_order_of_files_do_not_change_the_fingerprint(
    images: list[Image], data: st.DataObject
) -> None:
    names = data.draw(st.lists(NAMES, min_size=len(images), max_size=len(images), unique=True))
    shuffled = data.draw(st.permutations(images))
    assert fingerprint_of(images) == fingerprint_of(images, names) == fingerprint_of(shuffled)


@given(IMAGES, IMAGES)
def test_two_datasets_have_one_fingerprint_only_if_their_images_are_the_same(
    images: list[Image], others: list[Image]
) -> None:
    same = sorted(images) == sorted(others)
    assert (fingerprint_of(images) == fingerprint_of(others)) == same


@given(IMAGES, st.data())
def test_one_content_one_label_and_one_split_change_the_fingerprint(
    images: list[Image], data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(images) - 1))
    split, label, content = images[position]
    for changed in (
        (split + "x", label, content),
        (split, label + "x", content),
        (split, label, 6),
    ):
        others = [*images[:position], changed, *images[position + 1 :]]
        assert fingerprint_of(others) != fingerprint_of(images)
    assert fingerprint_of([*images, images[position]]) != fingerprint_of(images)


def on_disk(root: Path) -> str:
    dataset = read_dataset(root)
    silent = lambda title, total: nullcontext(lambda done: None)  # noqa: E731
    return fingerprint(dataset, hash_contents(Location(str(root)), dataset.paths, CAPS, 0, silent))


@pytest.fixture
def root(tmp_path: Path, draw: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    return draw(
        tmp_path / "data", {"train/cat/1.png": 1, "train/dog/2.png": 2, "val/cat/3.png": -1}
    )


def test_renaming_touching_and_moving_files_change_nothing(root: Path) -> None:
    before = on_disk(root)
    (root / "train/cat/1.png").rename(root / "train/cat/other.png")
    os.utime(root / "train/dog/2.png", (1, 1))
    moved = root.parent / "elsewhere" / "moved"
    shutil.copytree(root, moved)
    assert on_disk(root) == on_disk(moved) == before


def test_one_byte_one_label_and_one_split_of_a_file_change_it(root: Path) -> None:
    seen = [on_disk(root)]
    file = root / "val/cat/3.png"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    seen.append(on_disk(root))
    (root / "val/dog").mkdir()
    file.rename(root / "val/dog/3.png")
    seen.append(on_disk(root))
    (root / "val/dog/3.png").rename(root / "train/dog/3.png")
    (root / "train/dog/2.png").rename(root / "val/dog/2.png")
    seen.append(on_disk(root))
    assert len(set(seen)) == 4


def test_images_that_are_not_here_count_by_their_ids(root: Path) -> None:
    def absent(path: str) -> Dataset:
        return assemble("memory", root, [SplitNames("val", [path], ["cat"], absent=True)])

    nothing = np.zeros((1, 32), np.uint8)
    assert fingerprint(absent("a"), nothing) != fingerprint(absent("b"), nothing)
    assert fingerprint(absent("a"), nothing) == fingerprint(absent("a"), nothing + 1)


def test_a_file_that_killed_its_decoder_counts_by_its_bytes(
    root: Path, tmp_path: Path, measure: Callable[..., tuple[Dataset, object]]
) -> None:
    (root / "val/cat/link.png").symlink_to("/etc/passwd")
    dataset, pixels = measure(root, tmp_path / "store")
    killed = replace(pixels, content=pixels.content * 0)  # type: ignore[type-var]
    content = whole_content(dataset, killed)
    assert (content == pixels.content).all()  # type: ignore[attr-defined]
    assert not content[dataset.index_of["val/cat/link.png"]].any()


@pytest.mark.parametrize("workers", [0, 2])
def test_every_byte_is_read_whatever_the_number_of_workers(
    root: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr("labelgate.fixtures.file_hashes.BATCH_FILES", 2)
    told: list[int] = []
    paths = [*read_dataset(root).paths, "val/cat/gone.png"]
    progress = lambda title, total: nullcontext(told.append)  # noqa: E731
    found = hash_contents(Location(str(root)), paths, CAPS, workers, progress)
    expected = [hashlib.sha256((root / path).read_bytes()).digest() for path in paths[:-1]]
    assert [bytes(row) for row in found] == [*expected, bytes(32)]
    assert sum(told) == 4


def settings_of(folder: Path, **asked: object) -> Settings:
    settings = Settings(folder, folder, None, None, folder, 0, False, device="cpu")
    return replace(settings, **asked)  # type: ignore[arg-type]


class Opened:
    sha256 = "ab" * 32


def unavailable(name: str = "") -> Opened:
    raise EmbedderUnavailableError(f"no weights of {name}")


def test_what_was_not_asked_for_is_not_named(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, predictors=("knn", "open_clip:RN50/openai"))
    dataset = assemble("memory", tmp_path, [SplitNames("val", ["a"], ["cat"])])
    asked = {"pixels", "files"}
    assert embedder_identity(asked, settings, unavailable) is None
    assert predictor_identities(asked, dataset, settings, None, unavailable) == ()
    assert device_of(asked, settings) is None
    assert versions_of(asked, settings) == {"xxhash": version("xxhash")}


def test_embedder_and_predictors_are_named_with_their_hashes(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, predictors=("knn", "open_clip:RN50/openai"))
    (tmp_path / "table.csv").write_text("path,class,score\n")
    declared = PredictionsFile("imported", tmp_path / "table.csv")
    dataset = assemble("memory", tmp_path, [SplitNames("val", ["a"], ["cat"])])
    dataset = replace(dataset, predictions=(declared,))
    asked = {"embedder", "predictions"}
    embedder = embedder_identity(asked, settings, Opened)
    assert embedder == Identity("builtin", Opened.sha256)
    found = predictor_identities(asked, dataset, settings, embedder, unavailable)
    table = hashlib.sha256(b"path,class,score\n").hexdigest()
    assert [(each.name, each.sha256) for each in found] == [
        ("imported", table),
        ("knn", Opened.sha256),
        ("open_clip:RN50/openai", None),
    ]
    assert device_of(asked, settings) == "cpu"
    assert set(versions_of(asked, settings)) == {"open_clip_torch", "torch"}


def test_imported_scores_count_with_the_names_of_their_rows(tmp_path: Path) -> None:
    for name in ("scores.npy", "paths.txt"):
        (tmp_path / name).write_text(name)
    file = PredictionsFile("p", tmp_path / "scores.npy", tmp_path / "paths.txt")
    dataset = assemble("memory", tmp_path, [SplitNames("val", ["a"], ["cat"])])
    dataset = replace(dataset, predictions=(file,))

    def found() -> tuple[Identity, ...]:
        settings = settings_of(tmp_path)
        return predictor_identities({"predictions"}, dataset, settings, None, unavailable)

    before = found()
    (tmp_path / "paths.txt").write_text("others")
    assert found() != before


def test_a_changed_limit_changes_the_hash_of_the_suites() -> None:
    suite = {"files": {"expectations": [{"kwargs": {"min_value": 10}}]}}
    other = {"files": {"expectations": [{"kwargs": {"min_value": 11}}]}}
    assert hash_suites(suite) == hash_suites(dict(suite)) != hash_suites(other)


ROOT = Path(str(files("labelgate.fixtures"))).parent
BESIDE = {
    *("filelock", "platformdirs", "pydantic", "ray", "rich"),  # how a run is asked for and told
    "typing_extensions",  # what pydantic checks a report by
    *("fsspec", "huggingface_hub", "safetensors"),  # bring images and weights, which have a hash
    *("faiss-cpu", "torchvision"),  # an index that no fixture asks for; what timm and CLIP import
}
"""Distributions that decide nothing that a fixture says."""


@cache
def imports_of(module: Path) -> tuple[str, ...]:
    return tuple(imported(module))


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(name: str, seen: set[str]) -> set[str]:
    """The names of all modules that a module of ours imports, at once or later, of any depth."""
    module = ROOT.joinpath(*name.split(".")[1:])
    file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
    if name in seen or not file.is_file():
        return seen
    seen.add(name)
    for each in imports_of(file):
        seen |= reached(each, seen) if each.startswith("labelgate.") else {each}
    return seen


def distributions(names: set[str]) -> set[str]:
    of = packages_distributions()
    found = {name for each in names for name in of.get(each.partition(".")[0], ())}
    return {name.replace("great-expectations", "great_expectations") for name in found}


@pytest.mark.parametrize("fixture", sorted(DECIDES))
def test_a_fixture_is_decided_by_libraries_that_it_reaches(fixture: str) -> None:
    module = "decode_pass" if fixture == "pixels" else fixture
    used = {
        name.casefold() for name in distributions(reached(f"labelgate.fixtures.{module}", set()))
    }
    assert {name.casefold() for name in DECIDES[fixture]} <= used


def test_no_library_that_decides_is_forgotten() -> None:
    modules = [file for file in (ROOT / "fixtures").rglob("*.py") if "sample" not in file.parts]
    used = distributions({name for file in modules for name in imports_of(file)})
    named = {*BEHIND, *BESIDE}.union(*DECIDES.values(), *NETWORKS.values())
    assert {name.casefold() for name in used} <= {name.casefold() for name in named} | {"labelgate"}
