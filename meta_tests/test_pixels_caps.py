"""No file may cost more than the caps allow: bombs, scans, frames and memory."""

import io
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from encoded_pictures import (
    CAPS,
    GREY,
    OTHER,
    PICTURE,
    animation,
    encode,
    jpeg_with,
    pixels_of,
    refusal,
)
from PIL import Image

from labelgate.fixtures.pixels import Caps, UndecodableError, decode
from labelgate.fixtures.sample.bad_files import bomb_png


@pytest.mark.parametrize("container", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "AVIF"])
def test_a_picture_exactly_at_the_cap_passes_and_one_pixel_more_fails(container: str) -> None:
    data = encode(PICTURE, container)
    assert pixels_of(data, Caps(5 * 7, 10**6)).shape == (5, 7, 3)
    said = refusal(data, Caps(5 * 7 - 1, 10**6))
    assert "7 x 5 pixels" in said
    assert "34" in said


@pytest.mark.parametrize("container", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_the_cap_counts_the_pixels_of_all_frames(container: str) -> None:
    data = animation(container)
    assert decode(data, Caps(3 * 16 * 24, 10**6)).frames == 3
    assert "24 x 16 pixels after 768" in refusal(data, Caps(3 * 16 * 24 - 1, 10**6))


def patched(container: str, layout: str, side: int = 60_000) -> bytes:
    """A small file whose header claims to be huge."""
    data = encode(np.zeros((33, 77, 3), np.uint8), container)
    shown = struct.pack(layout, *((33, 77) if container == "JPEG" else (77, 33)))
    assert data.count(shown) >= 1
    return data.replace(shown, struct.pack(layout, side, side), 1)


def vp8l(side: int) -> bytes:
    data = bytearray(encode(np.zeros((33, 77, 3), np.uint8), "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    bits = struct.unpack("<I", data[at : at + 4])[0] & ~0xFFFFFFF
    data[at : at + 4] = struct.pack("<I", bits | (side - 1) << 14 | (side - 1))
    return bytes(data)


def tiff_bomb() -> bytes:
    entries = [(256, 4, 60_000), (257, 4, 60_000), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
    entries += [(273, 4, 200), (277, 3, 1), (278, 4, 60_000), (279, 4, 10)]
    ifd = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return (b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + ifd + bytes(4)).ljust(300, b"\0")


BOMBS = {
    "png": bomb_png(),
    "jpeg": patched("JPEG", ">HH"),
    "jpeg with exif": jpeg_with(b"\xff\xe1", b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0", OTHER).replace(
        struct.pack(">HH", 5, 7), struct.pack(">HH", 60_000, 60_000), 1
    ),
    "gif": b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + encode(GREY, "GIF")[10:],
    "gif of 1 x 1 with a frame beyond it": b"GIF89a"
    + struct.pack("<HH3s6x", 1, 1, b"\x80\0\0")
    + b"!\xf9\4\x09\0\0\0\0,"  # replaced by the background, which is filled when it is opened
    + struct.pack("<HHHHx", 0, 0, 60_000, 60_000)
    + b"\2\2D\1\0;",
    "bmp": patched("BMP", "<II"),
    "ppm": b"P6 60000 60000 255\n" + bytes(99),
    "webp": vp8l(16_000),
    "tiff": tiff_bomb(),
    "jpeg 2000": patched("JPEG2000", ">II").replace(
        struct.pack(">II", 33, 77), struct.pack(">II", 60_000, 60_000), 1
    ),
}

MEASURED = """
import resource, sys
from labelgate.fixtures.pixels import *
decode_anything = open(sys.argv[2], "rb").read()
decode(decode_anything, Caps(10**6, 10**8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for file in sys.argv[3:]:
    try:
        decode(open(file, "rb").read(), Caps(int(sys.argv[1]), 10**8))
    except UndecodableError as error:
        print(file, error)
    else:
        print(file, "decoded")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_no_memory_is_spent_on_a_bomb(tmp_path: Path) -> None:
    (tmp_path / "plain.png").write_bytes(encode(PICTURE, "PNG"))
    for name, data in BOMBS.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "header lies").write_bytes(patched("JPEG2000", ">II"))  # 77 x 33, says its box
    files = [str(tmp_path / name) for name in ("plain.png", "header lies", *BOMBS)]
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, "89478485", *files],
        capture_output=True,
        text=True,
        check=True,
    )
    lies, *told, grown = run.stdout.splitlines()
    assert "broken data stream" in lies
    assert all("over the cap of 89,478,485" in line for line in told), told
    assert int(grown) < 20_000, f"{grown} KiB for the headers of ten bombs"


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encode(np.zeros((256, 256, 3), np.uint8), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert decode(data[:-2] + last + data[-2:], CAPS).frames == 1
    assert refusal(
        data[:-2] + 3000 * last + data[-2:]
    )  # 1 MB of them takes half an hour at the cap


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_no_mode_costs_much_more_memory_than_its_picture(mode: str) -> None:
    image = Image.fromarray(np.zeros((1000, 1000), np.uint8)).convert(mode)
    if mode == "F":
        image = Image.fromarray(np.random.default_rng(0).random((1000, 1000), np.float32))
    data = encode(image, "TIFF", compression="tiff_adobe_deflate")
    decode(data, CAPS)
    tracemalloc.start()
    decode(data, CAPS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 10**6, f"{peak / 10**6:.0f} bytes a pixel beside Pillow's own"


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_called_one(name: str) -> None:
    assert "over the cap of 1,000,000 (a decompression bomb" in refusal(BOMBS[name])


def test_a_jpeg_of_too_many_scans_is_refused_before_it_is_decoded() -> None:
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    scan = data.rindex(b"\xff\xda")
    fair, costly = (data[:scan] + data[scan:-2] * n + data[-2:] for n in (1, 501))
    assert pixels_of(fair).shape == PICTURE.shape
    with pytest.raises(UndecodableError, match="scans, over the cap of 500"):
        decode(costly, Caps(10**6, 10**9))


@pytest.mark.parametrize(("pages", "fine"), [(49, True), (50, True), (51, False)])
def test_a_file_of_too_many_frames_is_refused(
    monkeypatch: pytest.MonkeyPatch, pages: int, fine: bool
) -> None:
    monkeypatch.setattr("labelgate.fixtures.pixels.FRAMES", 50)
    stream = io.BytesIO()
    page = Image.new("L", (1, 1))
    page.save(stream, "TIFF", save_all=True, append_images=[page] * (pages - 1))
    if fine:
        assert decode(stream.getvalue(), Caps(10**6, 10**9)).frames == pages
    else:
        with pytest.raises(UndecodableError, match="more than 50 frames"):
            decode(stream.getvalue(), Caps(10**6, 10**9))
