"""The canonical pixels, rule by rule: planted answers, properties and hostile bytes."""

import io
import math
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps, PngImagePlugin

from labelgate.fixtures import pixels as module
from labelgate.fixtures.orientation import orient
from labelgate.fixtures.pixels import (
    FORMATS,
    Caps,
    Decoded,
    UndecodableError,
    decode,
    pixel_hash,
)
from labelgate.fixtures.sample.bad_files import bomb_png

CAPS = Caps(pixels=10**6, file_bytes=10**8)
PICTURE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
OTHER = PICTURE[::-1].copy()
GREY = PICTURE[:, :, 0].copy()
GREY16 = np.random.default_rng(1).integers(0, 65536, (5, 7), dtype=np.uint16)
HIGH = (GREY16 >> 8).astype(np.uint8)
LOSSLESS = {"lossless": True, "exact": True}

Array = NDArray[np.uint8]

TURNS: dict[int, Callable[[Array], Array]] = {  # Exif 2.32: what row 0 and column 0 are to show
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-synt'
    b'ax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


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


# --- orientation -------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("container", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", LOSSLESS)], ids=str
)
def test_a_lossless_file_is_turned_as_exif_says(
    container: str, options: dict[str, Any], orientation: int
) -> None:
    data = encode(PICTURE, container, exif=rotated(orientation), **options)
    np.testing.assert_array_equal(pixels_of(data), TURNS[orientation](PICTURE))


@pytest.mark.parametrize("orientation", [0, *range(1, 9), 9, 77])
@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "MPO"])
def test_a_file_is_turned_as_pillow_turns_it(container: str, orientation: int) -> None:
    data = encode(PICTURE, container, exif=rotated(orientation))
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    np.testing.assert_array_equal(pixels_of(data), expected)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_orientation_in_xmp_counts_alike_in_every_container(container: str) -> None:
    options: dict[str, Any] = {"lossless": True} if container == "WEBP" else {}
    shape = pixels_of(encode(PICTURE, container, xmp=XMP, **options)).shape
    assert shape == PICTURE.shape, "XMP turned this container, and not the others"


def test_an_orientation_in_xmp_counts_alike_with_and_without_exif_beside_it() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description, no orientation"
    with_exif = encode(PICTURE, "JPEG", xmp=XMP, exif=exif)
    np.testing.assert_array_equal(pixels_of(with_exif), pixels_of(encode(PICTURE, "JPEG", xmp=XMP)))


def test_orientations_are_a_group_of_eight() -> None:
    shown = {orient(PICTURE, k).tobytes(): k for k in range(1, 9)}
    assert len(shown) == 8
    for first in range(1, 9):
        once = orient(PICTURE, first)
        assert {shown[orient(once, k).tobytes()] for k in range(1, 9)} == set(range(1, 9))


@pytest.mark.parametrize("payload", [b"no TIFF at all", b"", b"II*\0\xff\xff\xff\xff", b"MM\0*"])
def test_broken_exif_is_metadata_and_the_picture_stands(payload: bytes) -> None:
    data = jpeg_with(b"\xff\xe1", b"Exif\0\0" + payload)
    np.testing.assert_array_equal(pixels_of(data), pixels_of(encode(PICTURE, "JPEG")))


def test_exif_words_in_a_comment_change_nothing() -> None:
    data = jpeg_with(b"\xff\xfe", b"Exif\0\0 and MPF\0 stand in a comment")
    np.testing.assert_array_equal(pixels_of(data), pixels_of(encode(PICTURE, "JPEG")))


# --- modes -------------------------------------------------------------------------------------


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


# --- what does not count -----------------------------------------------------------------------


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_color_profile_is_ignored(container: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    with_profile = encode(PICTURE, container, icc_profile=profile)
    np.testing.assert_array_equal(pixels_of(with_profile), pixels_of(encode(PICTURE, container)))


def with_text() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "猫 " * 50)
    info.add_itxt("Title", "a title", "en", "title", zip=True)
    return encode(PICTURE, "PNG", pnginfo=info, dpi=(300, 300))


@pytest.mark.parametrize(
    ("plain", "changed"),
    [
        (encode(PICTURE, "PNG"), with_text()),
        (encode(PICTURE, "PNG"), encode(PICTURE, "PNG", compress_level=0)),
        (encode(PICTURE, "PNG"), encode(PICTURE, "PNG") + b"<?php text after the image ?>"),
        (encode(PICTURE, "JPEG"), encode(PICTURE, "JPEG") + b"trailing \xff\xd8\xff bytes"),
        (encode(PICTURE, "JPEG"), encode(PICTURE, "JPEG", comment=b"a comment", dpi=(72, 72))),
        (encode(GREY, "GIF"), encode(GREY, "GIF", comment=b"a comment") + b"\0\0trailing"),
        (encode(PICTURE, "BMP"), encode(PICTURE, "BMP") + b"trailing"),
        (encode(PICTURE, "TIFF"), encode(PICTURE, "TIFF", compression="tiff_lzw")),
    ],
    ids=["png text", "png level", "png end", "jpeg end", "jpeg comment", "gif", "bmp", "tiff"],
)
def test_what_is_no_pixel_does_not_count(plain: bytes, changed: bytes) -> None:
    assert plain != changed
    np.testing.assert_array_equal(pixels_of(plain), pixels_of(changed))


# --- several frames ----------------------------------------------------------------------------


def animation(container: str) -> bytes:
    frames = [
        np.random.default_rng(n).integers(0, 256, (16, 24, 3), dtype=np.uint8) for n in range(3)
    ]
    options = {"WEBP": LOSSLESS, "PNG": {"default_image": False}}.get(container, {})
    first, *others = (Image.fromarray(frame) for frame in frames)
    return encode(first, container, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("container", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_several_frames_are_their_first(container: str) -> None:
    data = animation(container)
    found = decode(data, CAPS)
    assert found.frames == 3
    np.testing.assert_array_equal(found.pixels, shown_by_pillow(data))


@pytest.mark.parametrize("container", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "AVIF"])
def test_a_later_frame_that_is_cut_short_is_refused(container: str) -> None:
    data = animation(container)
    whole_first = shown_by_pillow(data)
    cut = data[: len(data) - len(data) // 8]
    seen = shown_by_pillow(cut)
    if container in ("GIF", "PNG", "MPO"):  # else already the first frame needs the whole file
        np.testing.assert_array_equal(seen, whole_first)
    assert refusal(cut)


def test_a_later_frame_that_is_damaged_is_refused() -> None:
    data = animation("PNG")
    last = data.rindex(b"fdAT")
    size = struct.unpack(">I", data[last - 4 : last])[0]
    chunk = png_chunk(b"fdAT", data[last + 4 : last + 8] + b"\0" * (size - 4))
    assert refusal(data[: last - 4] + chunk + data[last + 8 + size :])


# --- identity ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 6, 3), (6, 2, 3), (3, 4, 3), (4, 3, 3), (1, 12, 3)])
def test_size_is_part_of_the_identity(shape: tuple[int, int, int]) -> None:
    others = [(2, 6, 3), (6, 2, 3), (3, 4, 3), (4, 3, 3), (1, 12, 3), (12, 1, 3)]
    hashes = {other: pixel_hash(np.zeros(other, np.uint8)) for other in others}
    assert [other for other in others if hashes[other] == hashes[shape]] == [shape]


small = arrays(
    np.uint8,
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.just(3)),
    elements=st.sampled_from([0, 1, 255]),
    fill=st.just(0),
)


@settings(max_examples=200, deadline=None)
@given(small, small)
def test_hashes_are_equal_exactly_where_pixels_are(one: Array, other: Array) -> None:
    assert (pixel_hash(one) == pixel_hash(other)) == np.array_equal(one, other)


@settings(max_examples=50, deadline=None)
@given(small)
def test_a_hash_does_not_depend_on_the_layout_in_memory(picture: Array) -> None:
    turned = np.asfortranarray(picture)
    assert pixel_hash(turned) == pixel_hash(picture)
    assert len(pixel_hash(picture)) == 16


@settings(max_examples=40, deadline=None)
@given(small, st.sampled_from(["PNG", "BMP", "TIFF", "WEBP", "PPM"]))
def test_a_lossless_container_keeps_pixels(picture: Array, container: str) -> None:
    options = LOSSLESS if container == "WEBP" else {}
    np.testing.assert_array_equal(pixels_of(encode(picture, container, **options)), picture)


# --- two JPEG decoders -------------------------------------------------------------------------


@st.composite
def jpegs(draw: st.DrawFn) -> bytes:
    shape = (draw(st.integers(1, 70)), draw(st.integers(1, 70)), 3)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    picture = rng.integers(0, 256, shape, dtype=np.uint8)
    if draw(st.booleans()):  # smooth, as photographs are
        picture = np.sort(picture, axis=draw(st.integers(0, 1)))
    image = Image.fromarray(picture if draw(st.booleans()) else picture[:, :, 0])
    return encode(
        image,
        "JPEG",
        quality=draw(st.integers(1, 100)),
        subsampling=draw(st.sampled_from(["4:4:4", "4:2:2", "4:2:0"])),
        progressive=draw(st.booleans()),
        optimize=draw(st.booleans()),
        restart_marker_blocks=draw(st.integers(0, 3)),
        restart_marker_rows=draw(st.integers(0, 2)),
    )


@settings(max_examples=250, deadline=None)
@given(jpegs())
def test_a_jpeg_has_the_pixels_that_pillow_sees(data: bytes) -> None:
    np.testing.assert_array_equal(pixels_of(data), shown_by_pillow(data))


@settings(max_examples=250, deadline=None)
@given(jpegs(), st.data())
def test_a_damaged_jpeg_is_what_pillow_says_it_is(data: bytes, drawn: st.DataObject) -> None:
    damaged = bytearray(data)
    for _ in range(drawn.draw(st.integers(1, 3))):
        damaged[drawn.draw(st.integers(2, len(data) - 1))] = drawn.draw(st.integers(0, 255))
    assert_as_pillow(bytes(damaged))


@settings(max_examples=60, deadline=None)
@given(jpegs(), st.floats(0, 1))
def test_a_jpeg_that_is_cut_short_is_what_pillow_says_it_is(data: bytes, share: float) -> None:
    assert_as_pillow(data[: int(len(data) * share)])


def assert_as_pillow(data: bytes) -> None:
    found, expected = decoded(data), shown_by_pillow(data)
    if isinstance(found, str):
        assert expected is None or "cap" in found, found
    else:
        np.testing.assert_array_equal(found, expected)


def decoded(data: bytes) -> Array | str:
    """The pixels, or why there are none."""
    try:
        return pixels_of(data)
    except UndecodableError as error:
        return str(error)


# --- caps and hostile bytes --------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "container", ["EPS", "TGA", "PCX", "ICO", "SGI", "MSP", "DDS", "SPIDER", "XBM", "QOI"]
)
def test_other_formats_are_refused(container: str) -> None:
    modes = {"MSP": "1", "XBM": "1", "SPIDER": "F"}
    data = encode(Image.fromarray(PICTURE).convert(modes.get(container, "RGB")), container)
    assert refusal(data).startswith("no image in one of the formats AVIF, ")


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "0 bytes"), (b"hello", "text"), (b"  <svg/>", "text"), (b"\0\1\2\3\4", "0x00010203")],
)
def test_what_is_no_image_is_told_by_its_beginning(data: bytes, says: str) -> None:
    assert says in refusal(data)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "MPO"])
def test_a_load_that_failed_is_never_tried_again(
    container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    load = ImageFile.ImageFile.load

    def counting(self: ImageFile.ImageFile) -> object:
        calls.append("load")
        result = load(self)
        calls.pop()
        return result

    monkeypatch.setattr(ImageFile.ImageFile, "load", counting)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(noise, container)
    assert refusal(data[: len(data) * 6 // 10])
    assert len(calls) <= 1


@pytest.mark.parametrize(
    "container", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "JPEG2000", "AVIF", "GIF", "PPM"]
)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_short_is_refused(container: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(noise, container)
    assert "\n" not in refusal(data[: int(len(data) * share)])


SEEDS = [
    *(encode(PICTURE, name) for name in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "JPEG2000", "PPM")),
    *(animation(name) for name in ("GIF", "PNG", "TIFF", "MPO", "WEBP")),
    encode(PICTURE, "TIFF", compression="tiff_lzw", exif=rotated(6)),
    encode(Image.fromarray(PICTURE).convert("CMYK"), "TIFF", compression="tiff_adobe_deflate"),
    encode(PICTURE, "JPEG", exif=rotated(5)),
    encode(Image.fromarray(GREY16), "PNG"),
]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_damaged_bytes_are_an_image_or_refused_and_nothing_else(
    data: bytes, drawn: st.DataObject
) -> None:
    damaged = bytearray(data)
    for _ in range(drawn.draw(st.integers(1, 4))):
        damaged[drawn.draw(st.integers(0, len(data) - 1))] = drawn.draw(
            st.sampled_from([0, 1, 127, 128, 255])
        )
    found = decoded(bytes(damaged))
    if isinstance(found, str):
        assert found.strip()
    else:
        assert (found.dtype, found.ndim, found.shape[2]) == (np.uint8, 3, 3)


def test_out_of_memory_is_an_undecodable_file_or_a_dead_process_but_never_a_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(self: ImageFile.ImageFile) -> object:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", exhausted)
    with pytest.raises((UndecodableError, MemoryError)):
        decode(encode(PICTURE, "PNG"), CAPS)


def test_the_decoders_agree_here_and_are_named_with_their_versions() -> None:
    assert module.fast_jpeg_agrees()
    for part in ("Pillow ", "libjpeg-turbo", "simplejpeg ", "rules 1"):
        assert part in module.decoder_name()


def test_where_the_decoders_disagree_pillow_decodes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    expected: Decoded = decode(encode(PICTURE, "JPEG"), CAPS)
    monkeypatch.setattr(module, "fast_jpeg_agrees", lambda: False)
    monkeypatch.setattr(module.simplejpeg, "decode_jpeg", None)
    found = decode(encode(PICTURE, "JPEG"), CAPS)
    np.testing.assert_array_equal(found.pixels, expected.pixels)


# --- files made to cost time -------------------------------------------------------------------


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
