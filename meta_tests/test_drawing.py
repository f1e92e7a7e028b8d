"""Pictures are the same whoever draws them, and one that kills its process costs itself."""

import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from labelgate.fixtures.inventory import list_images, write_inventory
from labelgate.fixtures.location import Location
from labelgate.fixtures.pixels import Caps
from labelgate.plugins.report import drawing
from labelgate.plugins.report.drawing import draw_pictures
from labelgate.plugins.report.measured import decode_file, read_contents

PATHS = [f"val/cat/{number:03d}.png" for number in range(drawing.FEW + 2)]

CAPS = Caps(pixels=10**6, file_bytes=10**6)

PAIR = ["val/cat/000.png", "val/cat/001.png"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of small pictures, one of which is none."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "val/cat").mkdir(parents=True)
    for number, path in enumerate(PATHS):
        Image.fromarray(np.full((4, 6, 3), number, np.uint8)).save(folder / path)
    (folder / PATHS[5]).write_bytes(b"no picture")
    return folder


def describe(path: str) -> dict[str, Any]:
    return {"split": "val", "label": "cat"} | ({"absent": True} if path == PATHS[7] else {})


def drawn(
    folder: Path, decode: Callable[[str], NDArray[np.uint8]], workers: int, paths: list[str]
) -> dict[str, bytes]:
    folder.mkdir()
    wanted = [([path], False) for path in paths] + [(PAIR, True), (PAIR, True)]
    draw_pictures(folder, wanted, describe, decode, workers)
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_pictures_are_equal_whatever_number_of_processes_draws_them(
    root: Path, tmp_path: Path
) -> None:
    decode = partial(decode_file, Location(str(root)), CAPS)
    here = drawn(tmp_path / "here", decode, 0, PATHS)
    assert drawn(tmp_path / "there", decode, 2, PATHS) == here
    told = json.loads(here["pictures.json"])
    assert list(told["images"]) == PATHS
    assert [path for path in PATHS if "error" in told["images"][path]] == [PATHS[5]]
    assert [path for path in PATHS if "absent" in told["images"][path]] == [PATHS[7]]
    assert [(pair["a"], pair["b"]) for pair in told["pairs"]] == [(PAIR[0], PAIR[1])]


DEADLY = """
import os
import signal

from labelgate.plugins.report.measured import decode_file

def decode_or_die(deadly, location, caps, path):
    if path == deadly:  # as a decoder that crashes does
        os.kill(os.getpid(), signal.SIGKILL)
    return decode_file(location, caps, path)
"""


def test_a_picture_that_kills_its_process_is_an_error_of_its_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "FEW", 0)
    (tmp_path / "deadly_decoder.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)  # of the spawned process as well
    decode_or_die = importlib.import_module("deadly_decoder").decode_or_die
    decode = partial(decode_or_die, PATHS[3], Location(str(root)), CAPS)
    files = drawn(tmp_path / "report", decode, 1, PATHS[2:5])
    told = json.loads(files["pictures.json"])["images"]
    assert [told[path].get("error") for path in PATHS[2:5]] == [None, drawing.KILLED, None]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_changed_since_it_was_measured_is_not_shown(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(drawing, "FEW", 0)
    changed, other = PATHS[10], PATHS[11]
    known = {path: hashlib.sha256((root / path).read_bytes()).hexdigest() for path in PATHS}
    known[changed] = "0" * 64
    decode = partial(decode_file, Location(str(root)), CAPS)
    (tmp_path / "report").mkdir()
    groups: list[tuple[list[str], bool]] = [([changed, other], True), ([PATHS[12]], False)]
    draw_pictures(
        tmp_path / "report", groups, describe, decode, workers,
        lambda paths: {path: known[path] for path in paths},
    )  # fmt: skip
    told = json.loads((tmp_path / "report/pictures.json").read_text())
    why = "changed since it was measured: this is not what was judged"
    assert told["images"][changed]["error"] == why
    assert told["pairs"] == [{"a": changed, "b": other, "error": why}]
    assert all("pixels" in told["images"][path] for path in (other, PATHS[12]))
    assert len(list((tmp_path / "report/images").iterdir())) == 2


def test_what_images_were_measured_as_is_read_from_the_inventory(tmp_path: Path) -> None:
    rows: dict[str, list[str | None]] = {
        "path": ["a", "b", "c"],
        "split": ["val"] * 3,
        "label": [None] * 3,
        "content": ["1" * 64, "2" * 64, None],
        "pixels": [None] * 3,
    }
    seal = asdict(write_inventory(tmp_path, list_images(rows)))
    assert read_contents(tmp_path, {"release": seal}, {"b", "c", "d"}) == {"b": "2" * 64}
    assert read_contents(tmp_path, {"release": None}, {"b"}) == {}
