"""Whether a report speaks of a dataset as it lies here, byte by byte, and what differs if not."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.decode_pass import Progress
from labelgate.fixtures.embedders.description import file_sha256
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.file_hashes import hash_contents
from labelgate.fixtures.inventory import FORM, Inventory, read_inventory, take_inventory
from labelgate.fixtures.matching import match_images
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.provenance import fingerprint
from labelgate.fixtures.reading_order import in_reading_order
from labelgate.fixtures.report_json import REPORT

NAMED = 3
"""Paths that are named of each kind of difference; all of them are counted."""

Differences = dict[str, list[str]]
"""Paths by what happened to them, each with what is said of it; kinds without a path are left out.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a report speaks of a dataset.

    Attributes:
        belongs: whether it does.
        sentence: the same, for people.
        differences: what differs, as far as `release.parquet` of the report tells.
        renamed: images that have another path now; a fingerprint does not depend on names.
    """

    belongs: bool
    sentence: str
    differences: Differences = field(default_factory=dict)
    renamed: list[str] = field(default_factory=list)


def answer(
    folder: Path, report: dict[str, Any], dataset: Dataset, workers: int, progress: Progress
) -> Answer:
    """Reads every byte of a dataset and compares it with what a report says it spoke of.

    Args:
        folder: the report folder.
        report: what its `report.json` says, complete.
        dataset: the dataset as it lies here.
        workers: processes that read.
        progress: told about every finished batch of files.

    Raises:
        SettingsError: the report has no fingerprint, or its `release.parquet` has another form.
    """
    said, name = report["dataset"]["fingerprint"], dataset.name
    if not said:
        raise SettingsError(
            f"{folder / REPORT} has no fingerprint, because measuring broke in its run; check the "
            "dataset again."
        )
    table = folder / FORM.file
    if table.is_file() and file_sha256(table) != report["release"]["sha256"]:
        return Answer(
            False,
            f"No: {table} is not the table that {REPORT} beside it names by its SHA-256, so this "
            "report was changed after it was written.",
        )
    before = read_inventory(folder, report["release"]["sha256"]) if table.is_file() else None
    content = _read(dataset, report["provenance"]["max_file_bytes"], workers, progress)
    found = fingerprint(dataset, content)
    images = f"{len(dataset.paths):,} images in the splits {', '.join(dataset.splits)}"
    after = take_inventory(dataset, content, np.zeros((len(content), 16), np.uint8), decoder="")
    told = {} if before is None else find_differences(before, after)
    renamed = told.pop("renamed", [])
    if found == said:
        sentence = f"Yes: {folder} speaks of {name} as it lies here: {images}, fingerprint {said}."
        return Answer(True, sentence, {}, renamed)
    sentence = (
        f"No: {folder} speaks of another state of this dataset, with the fingerprint {said}; "
        f"{name} as it lies here, {images}, has {found}."
    )
    return Answer(False, sentence, told, renamed)


def _read(dataset: Dataset, largest: int, workers: int, progress: Progress) -> NDArray[np.uint8]:
    """(N, 32) uint8, SHA-256 of every file that is here; zeros for those that are not."""
    content = np.zeros((len(dataset.paths), 32), np.uint8)
    here = in_reading_order(dataset, np.flatnonzero(dataset.here))
    paths = [dataset.paths[image] for image in here.tolist()]
    caps = Caps(pixels=0, file_bytes=largest)  # nothing is decoded
    content[here] = hash_contents(dataset.location, paths, caps, workers, progress)
    return content


def find_differences(before: Inventory, after: Inventory) -> Differences:
    """Says what differs between what a report spoke of and what is here.

    Args:
        before: M images.
        after: N images, by content alone.
    """
    old = match_images(before, after)
    new = np.flatnonzero(old >= 0)
    old = old[new]
    sides = [(before, old), (after, new)]
    names = {"split": {*before.splits, *after.splits}, "label": {*before.classes, *after.classes}}
    code = {
        column: [side.codes(column, sorted(of))[rows] for side, rows in sides]
        for column, of in names.items()
    }
    path, content = ([_take(side, c, rows) for side, rows in sides] for c in ("path", "content"))
    unread = _array(pc.xor(content[0].is_null(), content[1].is_null()))
    relabelled, moved = (code[c][0] != code[c][1] for c in ("label", "split"))
    other = _array(pc.not_equal(path[0], path[1])) & ~relabelled & ~moved
    was, now = _left(before, old), _left(after, new)
    there = _array(pc.is_in(_take(after, "path", now), _take(before, "path", was)))
    gone = ~_array(pc.is_in(_take(before, "path", was), _take(after, "path", now)))
    found = {
        "changed": _take(after, "path", now[there]).to_pylist(),
        "missing": _take(before, "path", was[gone]).to_pylist(),
        "added": _take(after, "path", now[~there]).to_pylist(),
        "unread": path[1].filter(pa.array(unread)).to_pylist(),
        "relabelled": _tell(sides, path, "label", relabelled),
        "moved": _tell(sides, path, "split", moved),
        "renamed": path[1].filter(pa.array(other)).to_pylist(),
    }
    return {kind: paths for kind, paths in found.items() if paths}


def _tell(
    sides: list[tuple[Inventory, NDArray[np.int64]]],
    path: list[pa.Array],
    column: str,
    chosen: NDArray[np.bool_],
) -> list[str]:
    """Names images with what a column said of them and says now."""
    said = [_take(side, column, rows[chosen]).to_pylist() for side, rows in sides]
    paths = path[1].filter(pa.array(chosen)).to_pylist()
    return [
        f"{name} ({old or 'no label'}, now {new or 'no label'})"
        for name, old, new in zip(paths, *said, strict=True)
    ]


def _take(inventory: Inventory, column: str, rows: NDArray[np.int64]) -> pa.Array:
    return inventory.column(column).take(pa.array(rows))


def _left(inventory: Inventory, taken: NDArray[np.int64]) -> NDArray[np.int64]:
    left = np.ones(len(inventory), np.bool_)
    left[taken] = False
    return np.flatnonzero(left)


def _array(values: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.bool_)
