"""Image files to spoil: real ones where they are at hand, else small ones of every format."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from encoded_pictures import animation, encode
from real_data import DATA

from labelgate.fixtures.decoding import examine_files
from labelgate.fixtures.location import Location
from labelgate.fixtures.pixels import Caps, UndecodableError, decode

CAPS = Caps(89_478_485, 2**28)
"""Those of `limits.toml`."""

LARGEST, SLOWEST = 2**15, 0.01
"""Bytes of a file, and seconds of the processor that it takes to decode: a hundred thousand of
spoilt ones are to be read in minutes."""

REAL = {"odd_images_dev": 1, "cifar10_dev": 300, "tiny_imagenet_dev": 200, "gtsrb_dev": 200}
"""Archives of real pictures, and of which of their files one is taken."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "MPO")


def write_images(folder: Path, real: bool) -> int:
    """Writes the images to spoil, named by numbers; returns how many."""
    folder.mkdir(parents=True)
    number = 0
    for number, data in enumerate(_real() if real else _drawn(), start=1):
        (folder / f"{number:04}").write_bytes(data)
    return number


def _real() -> Iterator[bytes]:
    for name, step in REAL.items():
        with ZipFile(DATA / f"{name}.zip") as archive:
            names = [
                n for n in archive.namelist() if not n.endswith(("/", ".csv", ".txt", ".json"))
            ]
            for member in names[::step]:
                if archive.getinfo(member).file_size <= LARGEST:
                    data = archive.read(member)
                    if _is_quick(data):
                        yield data


def _drawn() -> Iterator[bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (19, 23, 3), dtype=np.uint8)
    yield from (encode(noise, name) for name in FORMATS[:9])
    yield from (animation(name) for name in ("GIF", "WEBP", "PNG", "TIFF", "MPO"))


def _is_quick(data: bytes) -> bool:
    started = time.process_time()
    with suppress(UndecodableError):
        decode(data, CAPS)
    return time.process_time() - started < SLOWEST


def read_image(folder: Path) -> str:
    """Reads and decodes one file as a worker does, and says what it is: an image or a problem."""
    found = examine_files(Location(str(folder)), CAPS, (folder, 0), ["image"])
    if found.decoded:
        return "decodes"
    ((_, problem),) = found.refused or found.unreadable
    assert "out of memory" not in problem, problem
    return f"problem: {problem}"
