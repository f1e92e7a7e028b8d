"""Damaged bytes and other formats are refused in words, and never half a picture."""

import numpy as np
import pytest
from encoded_pictures import CAPS, GREY16, PICTURE, animation, decoded, encode, refusal, rotated
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from labelgate.fixtures.pixels import UndecodableError, decode


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
