"""What spawned processes of `test_real_data.py` run; it stands alone so that they can import it."""

import io
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image, ImageOps

from labelgate.fixtures.pixels import FORMATS, Caps, UndecodableError, decode

CAPS = Caps(pixels=89_478_485, file_bytes=2**28)

Verdict = tuple[str, str | None, bool, float, int]
"""Member, problem, whether a plain loader sees the same pixels, seconds, peak memory in MiB."""


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
    started = time.monotonic()
    try:
        found = decode(data, CAPS)
    except UndecodableError as error:
        problem, same = str(error), True
    else:
        problem, same = None, has_a_rule_of_its_own(found.mode) or same_as_shown(data, found.pixels)
    seconds = time.monotonic() - started
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
