"""Draws the pictures of a report, while the dataset is there to draw them from.

`pictures.json` describes them, so that the pages can be rendered again from the folder alone: on
another machine, without the dataset, or after reports of several shards were laid together. Files
are named by the path of their image, so that those of two shards never stand in each other's way.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from labelgate.fixtures.report_json import write_json
from labelgate.fixtures.workers import run_batches
from labelgate.plugins.report.measured import nothing_known
from labelgate.plugins.report.pictures import PICTURES, SCHEMA, name_pair, name_picture
from labelgate.plugins.report.thumbnails import SIDE, keep_last, write_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from labelgate.fixtures.alignment import View
    from labelgate.fixtures.transforms import Transform
    from labelgate.plugins.report.measured import Contents, Measured

    RGB = npt.NDArray[np.uint8]
    Told = dict[str, Any]
    Pair = tuple[str, str]
    Describe = Callable[[str], Told]
    Decode = Callable[..., RGB]

BATCH = 64
"""Pictures, with their pairs, that a process draws at a time."""

FEW = 100
"""Pictures that are drawn sooner than processes start that would draw them."""

KILLED = "the process that drew it was killed (a crash of the decoder, or out of memory)"


class Picture(NamedTuple):
    """A picture to be drawn.

    Attributes:
        path: of the image.
        file: of its small copy, in `images/`.
        side: pixels of it, at most.
    """

    path: str
    file: str
    side: int


class Task(NamedTuple):
    """What is drawn together, so that an image is decoded once for both.

    Attributes:
        pictures: those of a group that no earlier group has.
        pair: two images that are laid on each other, None where there are none.
        contents: the SHA-256, in hex, that images have which were measured.
    """

    pictures: Sequence[Picture]
    pair: Pair | None = None
    contents: Contents = {}  # noqa: RUF012 - never changed


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
        images: by path: `pixels`, the size of the original, or `error`: why there is no picture.
        pairs: by a and b: `transform`, how b lies on a in words, and `size` of both pictures; or
            `unlaid` if a and b could not be laid on each other; or `error`.
    """

    images: dict[str, Told]
    pairs: dict[Pair, Told]


def draw_pictures(
    folder: Path,
    wanted: Iterable[tuple[Sequence[str], bool]],
    describe: Describe,
    decode: Decode,
    workers: int = 0,
    measured: Measured = nothing_known,
) -> None:
    """Draws groups of images into `images/` and writes `pictures.json`; nothing is drawn twice.

    Args:
        folder: The report folder, which exists.
        wanted: Groups of paths, and of each whether it is a pair that is laid on each other.
        describe: Path to `split`, `label` (None for an unlabelled image), and `absent` for an image
            that is not here.
        decode: Path to canonical pixels, uint8 (H, W, 3); where `workers` draw, it is sent to them.
            What it raises is told in place of the picture.
        workers: Processes; 0 draws here. The pictures are the same.
        measured: Paths to what images were measured as; `decode` is given that as well then.
    """
    images: dict[str, Told] = {}
    groups = list(wanted)
    contents = measured({path for paths, _ in groups for path in paths})
    tasks = list(_plan(groups, describe, images, contents))
    drawn = draw(folder, tasks, decode, workers)
    for path, told in drawn.images.items():
        images[path] |= told
    planned = (task.pair for task in tasks if task.pair)
    pairs = [{"a": a, "b": b, **drawn.pairs[a, b]} for a, b in planned]
    write_json(folder / PICTURES, {"schema": SCHEMA, "images": images, "pairs": pairs})


def _plan(
    wanted: Iterable[tuple[Sequence[str], bool]],
    describe: Describe,
    images: dict[str, Told],
    contents: Contents,
) -> Iterator[Task]:
    """Yields what is drawn of each group, and describes the images in `images`."""
    pairs: set[Pair] = set()
    for paths, compared in wanted:
        new = {path: describe(path) for path in dict.fromkeys(paths) if path not in images}
        images |= new
        pictures = [
            Picture(path, name_picture(path), SIDE) for path in new if "absent" not in new[path]
        ]
        two = compared and len(paths) == 2 and not any("absent" in images[path] for path in paths)
        pair = (paths[0], paths[1]) if two and (paths[0], paths[1]) not in pairs else None
        if pair:
            pairs.add(pair)
        if pictures or pair:
            known = {path: contents[path] for path in paths if path in contents}
            yield Task(pictures, pair, known)


def draw(folder: Path, tasks: Sequence[Task], decode: Decode, workers: int) -> Drawn:
    """Draws into `images/` of a report folder; a picture whose process dies is an error of its own.

    Args:
        folder: the report folder.
        tasks: what to draw.
        decode: path to canonical pixels.
        workers: processes; 0 draws here.
    """
    (folder / "images").mkdir(exist_ok=True)
    few = sum(len(task.pictures) for task in tasks) <= FEW
    batches = list(_batches(tasks))
    whole = Drawn({}, {})
    work = partial(_draw, f"{folder}/images", decode)
    for drawn in run_batches(work, batches, 0 if few else workers, _died):
        whole.images.update(drawn.images)
        whole.pairs.update(drawn.pairs)
    return whole


def _batches(tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
    """Divides tasks so that about `BATCH` pictures are in each."""
    start = size = 0
    for end, task in enumerate(tasks, 1):
        size += max(1, len(task.pictures))
        if size >= BATCH or end == len(tasks):
            yield tasks[start:end]
            start, size = end, 0


def _died(task: Task) -> Drawn:
    return Drawn(
        {picture.path: {"error": KILLED} for picture in task.pictures},
        {task.pair: {"error": KILLED}} if task.pair else {},
    )


def _draw(images: str, decode: Decode, tasks: Sequence[Task]) -> Drawn:
    """Draws a batch, in a worker where there are some."""
    contents = {path: content for task in tasks for path, content in task.contents.items()}

    def decode_known(path: str) -> RGB:
        return decode(path, contents[path]) if path in contents else decode(path)

    decode_once = keep_last(decode_known)
    view_once = keep_last(lambda path: _view(decode_once(path)))
    drawn = Drawn({}, {})
    for pictures, pair, _ in tasks:
        for path, file, side in pictures:
            drawn.images[path] = _draw_image(f"{images}/{file}", path, decode_once, side)
        if pair:
            drawn.pairs[pair] = _draw_pair(images, pair, decode_once, view_once)
    return drawn


def _draw_image(target: str, path: str, decode: Decode, side: int) -> Told:
    try:
        pixels = decode(path)
        write_thumbnail(pixels, target, side)
    except Exception as error:  # whatever a decoder raises is a finding, and the page shows it
        return {"error": _tell(error)}
    return {"pixels": [pixels.shape[1], pixels.shape[0]]}


def _draw_pair(images: str, pair: Pair, decode: Decode, view_of: Callable[[str], View]) -> Told:
    """Draws b as it lies on a, and their difference."""
    from labelgate.fixtures.alignment import align
    from labelgate.fixtures.difference import difference_image, laid_image

    try:
        transform: Transform | None = align(view_of(pair[0]), view_of(pair[1])).transform
        if transform is None:
            return {"unlaid": True}
        a, b = map(decode, pair)
        laid = laid_image(a, b, transform, SIDE)
        drawn = {"laid": laid, "difference": difference_image(a, b, transform, SIDE)}
        for kind, pixels in drawn.items():
            write_thumbnail(pixels, f"{images}/{name_pair(kind, *pair)}")
    except Exception as error:  # the page shows it: no report is lost to a picture
        return {"error": _tell(error)}
    return {"transform": str(transform), "size": [laid.shape[1], laid.shape[0]]}


def _view(pixels: RGB) -> View:
    from labelgate.fixtures.alignment import view

    return view(pixels)


def _tell(error: Exception) -> str:
    return str(error) or type(error).__name__
