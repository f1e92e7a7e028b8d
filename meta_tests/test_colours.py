"""Every mode of a picture becomes red, green and blue by its own rule."""

import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from encoded_pictures import (
    CAPS,
    GREY,
    GREY16,
    HIGH,
    LOSSLESS,
    OTHER,
    PICTURE,
    Array,
    encode,
    grey,
    pixels_of,
    png_chunk,
    shown_by_pillow,
)
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from labelgate.fixtures.pixels import decode, pixel_hash


def palette_picture(order: list[int]) -> tuple[Image.Image, Array]:
    """Indices 0..3 over four colours that are stored in the given order."""
    colors = np.array([[9, 8, 7], [250, 0, 1], [0, 99, 2], [3, 4, 255]], np.uint8)
    indices = np.random.default_rng(2).integers(0, 4, (5, 7))
    image = Image.fromarray(np.argsort(order)[indices].astype(np.uint8))
    image.putpalette(colors[order].tobytes())
    return image, colors[indices]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]], ids=str)
@pytest.mark.parametrize(
    ("container", "options"),
    [
        *((name, {}) for name in ("PNG", "GIF", "BMP", "TIFF")),
        *((name, {"transparency": 1}) for name in ("PNG", "GIF")),
        ("PNG", {"transparency": bytes([0, 128, 255, 7])}),
    ],
    ids=str,
)
def test_a_palette_becomes_its_colors_whatever_the_indices(
    container: str, options: dict[str, Any], order: list[int]
) -> None:
    image, expected = palette_picture(order)
    np.testing.assert_array_equal(pixels_of(encode(image, container, **options)), expected)


def test_equal_indices_under_another_palette_are_another_picture() -> None:
    image, _ = palette_picture([0, 1, 2, 3])
    other = image.copy()
    other.putpalette(bytes(range(12)))
    assert pixel_hash(pixels_of(encode(image, "PNG"))) != pixel_hash(
        pixels_of(encode(other, "PNG"))
    )


@pytest.mark.parametrize("container", ["PNG", "BMP", "TIFF", "PPM"])
def test_one_bit_is_black_or_white(container: str) -> None:
    bits = GREY > 127
    np.testing.assert_array_equal(
        pixels_of(encode(Image.fromarray(bits), container)), grey(bits * 255)
    )


@pytest.mark.parametrize("container", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_grey_stands_in_all_three_channels(container: str) -> None:
    np.testing.assert_array_equal(pixels_of(encode(GREY, container)), grey(GREY))


@pytest.mark.parametrize(
    ("container", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", LOSSLESS)], ids=str
)
@pytest.mark.parametrize("alpha", [0, 1, 254, 255])
def test_alpha_is_dropped_and_not_blended(
    container: str, options: dict[str, Any], alpha: int
) -> None:
    image = Image.fromarray(PICTURE)
    image.putalpha(alpha)
    np.testing.assert_array_equal(pixels_of(encode(image, container, **options)), PICTURE)


@pytest.mark.parametrize("container", ["PNG", "TIFF"])
def test_alpha_of_grey_is_dropped(container: str) -> None:
    image = Image.fromarray(GREY)
    image.putalpha(Image.fromarray(OTHER[:, :, 1]))
    np.testing.assert_array_equal(pixels_of(encode(image, container)), grey(GREY))


@pytest.mark.parametrize("container", ["JPEG", "TIFF"])
def test_cmyk_is_converted_as_pillow_does(container: str) -> None:
    data = encode(Image.fromarray(PICTURE).convert("CMYK"), container)
    found = decode(data, CAPS)
    assert found.mode == "CMYK"
    np.testing.assert_array_equal(found.pixels, shown_by_pillow(data))


def test_ycbcr_in_tiff_is_converted_as_pillow_does() -> None:
    data = encode(Image.fromarray(PICTURE).convert("YCbCr"), "TIFF")
    np.testing.assert_array_equal(pixels_of(data), shown_by_pillow(data))
    assert np.abs(pixels_of(data).astype(int) - PICTURE).max() <= 4


def test_rgb_jpeg_is_not_taken_for_ycbcr() -> None:
    data = encode(PICTURE, "JPEG", keep_rgb=True, quality=100, subsampling=0)
    assert np.abs(pixels_of(data).astype(int) - PICTURE).max() <= 3


def test_lab_has_black_white_and_grey_where_they_belong() -> None:
    lab = Image.new("LAB", (3, 1))
    for x, lightness in enumerate((0, 137, 255)):
        lab.putpixel((x, 0), (lightness, 128, 128))
    black, middle, white = pixels_of(encode(lab, "TIFF"))[0].astype(int)
    assert max(black) <= 1
    assert min(white) >= 254
    assert np.ptp(middle) <= 2
    assert abs(middle[0] - 128) <= 3


def png16(samples: NDArray[np.uint16], color_type: int) -> bytes:
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def pgm16(samples: NDArray[np.uint16]) -> bytes:
    height, width = samples.shape
    return b"P5 %d %d 65535\n" % (width, height) + samples.astype(">u2").tobytes()


SIXTEEN: dict[str, Callable[[NDArray[np.uint16]], bytes]] = {
    "png": lambda a: png16(a, 0),
    "tiff": lambda a: encode(Image.fromarray(a), "TIFF"),
    "tiff big-endian": lambda a: encode(
        Image.frombytes("I;16B", a.shape[::-1], a.astype(">u2").tobytes()), "TIFF"
    ),
    "jpeg 2000": lambda a: encode(Image.fromarray(a), "JPEG2000"),
    "pgm": pgm16,
}


@pytest.mark.parametrize("container", SIXTEEN)
def test_sixteen_bit_grey_keeps_its_high_byte(container: str) -> None:
    np.testing.assert_array_equal(pixels_of(SIXTEEN[container](GREY16)), grey(HIGH))


@pytest.mark.parametrize("container", SIXTEEN)
def test_dark_and_bright_sixteen_bit_pictures_stay_different(container: str) -> None:
    dark, bright = GREY16 // 4, GREY16 // 4 + 40_000
    shown = [pixels_of(SIXTEEN[container](each)) for each in (dark, bright)]
    assert pixel_hash(shown[0]) != pixel_hash(shown[1])
    assert shown[0].max() < 64
    assert 156 <= shown[1].min() <= shown[1].max() < 255


def test_sixteen_bit_color_keeps_its_high_byte() -> None:
    samples = np.stack([GREY16, GREY16[::-1], GREY16[:, ::-1]], axis=2)
    np.testing.assert_array_equal(pixels_of(png16(samples, 2)), (samples >> 8).astype(np.uint8))


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_wide_samples_are_stretched_from_least_to_most(kind: type) -> None:
    values = np.array([[-1000, 0, 1000], [500, -500, 1000]], kind)
    expected = grey(np.rint((values.astype(float) + 1000) / 2000 * 255))
    np.testing.assert_array_equal(pixels_of(encode(Image.fromarray(values), "TIFF")), expected)


@pytest.mark.parametrize("value", [-7, 0, 255, 2**31 - 1, 0.5, math.nan, math.inf, -math.inf])
def test_constant_wide_samples_are_black(value: float) -> None:
    values = np.full((3, 4), value, np.int32 if isinstance(value, int) else np.float32)
    shown = pixels_of(encode(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(shown, np.zeros((3, 4, 3), np.uint8))


def test_what_is_no_number_counts_as_the_least_and_infinity_as_the_most() -> None:
    values = np.array([[math.nan, 2, 4, 6], [math.inf, -math.inf, 6, 2]], np.float32)
    shown = pixels_of(encode(Image.fromarray(values), "TIFF"))[:, :, 0]
    np.testing.assert_array_equal(shown, [[0, 0, 128, 255], [255, 0, 255, 0]])


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (2, 3)))
def test_any_float_picture_decodes_without_a_warning(values: NDArray[np.float32]) -> None:
    assert pixels_of(encode(Image.fromarray(values), "TIFF")).shape == (2, 3, 3)
