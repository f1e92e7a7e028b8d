"""The canonical pixels: what counts, what does not, several frames, and the identity."""

import struct

import numpy as np
import pytest
from encoded_pictures import (
    CAPS,
    GREY,
    LOSSLESS,
    PICTURE,
    Array,
    animation,
    encode,
    pixels_of,
    png_chunk,
    refusal,
    shown_by_pillow,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import ImageCms, PngImagePlugin

from labelgate.fixtures.pixels import decode, pixel_hash


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
