"""Where real data are found, and what spawned processes do with them."""

import csv
import io
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image, ImageOps

from labelgate.fixtures.pixels import FORMATS, Caps, UndecodableError, decode

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

CAPS = Caps(pixels=89_478_485, file_bytes=2**28)

Verdict = tuple[str, str | None, bool, float, int]
"""Member, problem, whether a plain loader sees the same pixels, seconds, peak memory in MiB."""


def archive(name: str) -> Path:
    file = DATA / f"{name}.zip"
    if not file.is_file():
        pytest.skip(f"{file} is missing, so nothing real was checked here: {name}")
    return file


def read_table(name: str, member: str) -> list[dict[str, str]]:
    with ZipFile(archive(name)) as file:
        return list(csv.DictReader(io.StringIO(file.read(member).decode())))


def unlike_pillow(archive: str, members: Sequence[str]) -> tuple[int, list[str]]:
    """How many JPEGs were compared, and those whose pixels are not the ones Pillow sees."""
    different = []
    with ZipFile(archive) as file:
        for member in members:
            data = file.read(member)
            with Image.open(io.BytesIO(data)) as image:
                expected = np.asarray(image.convert("RGB"))
            if not np.array_equal(decode(data, CAPS).pixels, expected):
                different.append(member)
    return len(members), different


def judge_odd(archive: str, members: Sequence[str]) -> list[Verdict]:
    """Decodes each file, and compares it with what a plain loader shows where that is the rule."""
    with ZipFile(archive) as file:
        return [judge_one(member, file.read(member)) for member in members]


def judge_one(member: str, data: bytes) -> Verdict:
    started = time.process_time()
    try:
        found = decode(data, CAPS)
    except UndecodableError as error:
        problem, same = str(error), True
    else:
        problem, same = None, has_a_rule_of_its_own(found.mode) or same_as_shown(data, found.pixels)
    seconds = time.process_time() - started
    return member, problem, same, seconds, peak_memory()


def peak_memory() -> int:
    """MiB of this process at most; `getrusage` would count the parent's at the fork as well."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) // 1024


def has_a_rule_of_its_own(mode: str) -> bool:
    return mode in ("I", "F", "LAB") or mode.startswith("I;16")


def same_as_shown(data: bytes, pixels: np.ndarray) -> bool:
    import warnings

    with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        warnings.simplefilter("ignore")
        return np.array_equal(np.asarray(ImageOps.exif_transpose(image).convert("RGB")), pixels)
