"""A picture is turned as its EXIF says, alike in every container."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from encoded_pictures import LOSSLESS, PICTURE, Array, encode, jpeg_with, pixels_of, rotated
from PIL import Image, ImageOps

from labelgate.fixtures.orientation import orient

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
