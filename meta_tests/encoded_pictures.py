"""Small pictures in every container, and what is decoded of them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from labelgate.fixtures.pixels import FORMATS, Caps, UndecodableError, decode

CAPS = Caps(pixels=10**6, file_bytes=10**8)
PICTURE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
OTHER = PICTURE[::-1].copy()
GREY = PICTURE[:, :, 0].copy()
GREY16 = np.random.default_rng(1).integers(0, 65536, (5, 7), dtype=np.uint16)
HIGH = (GREY16 >> 8).astype(np.uint8)
LOSSLESS = {"lossless": True, "exact": True}
Array = NDArray[np.uint8]


def encode(picture: Array | Image.Image, container: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(stream, container, **options)
    return stream.getvalue()


def pixels_of(data: bytes, caps: Caps = CAPS) -> Array:
    return decode(data, caps).pixels


def shown_by_pillow(data: bytes) -> Array | None:
    """What a plain loader sees; None where it refuses the first frame."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return np.asarray(image.convert("RGB"))
    except Exception:
        return None


def refusal(data: bytes, caps: Caps = CAPS) -> str:
    with pytest.raises(UndecodableError) as caught:
        decode(data, caps)
    return str(caught.value)


def grey(values: NDArray[Any]) -> Array:
    return np.repeat(np.asarray(values, np.uint8)[:, :, None], 3, axis=2)


def rotated(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def jpeg_with(marker: bytes, payload: bytes, picture: Array = PICTURE) -> bytes:
    plain = encode(picture, "JPEG")
    return plain[:2] + marker + struct.pack(">H", len(payload) + 2) + payload + plain[2:]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def animation(container: str) -> bytes:
    frames = [
        np.random.default_rng(n).integers(0, 256, (16, 24, 3), dtype=np.uint8) for n in range(3)
    ]
    options = {"WEBP": LOSSLESS, "PNG": {"default_image": False}}.get(container, {})
    first, *others = (Image.fromarray(frame) for frame in frames)
    return encode(first, container, save_all=True, append_images=others, **options)


def decoded(data: bytes) -> Array | str:
    """The pixels, or why there are none."""
    try:
        return pixels_of(data)
    except UndecodableError as error:
        return str(error)
