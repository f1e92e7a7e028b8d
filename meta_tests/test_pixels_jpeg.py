"""Two decoders of JPEG: they agree, or Pillow decodes alone."""

import numpy as np
import pytest
from encoded_pictures import CAPS, PICTURE, decoded, encode, pixels_of, shown_by_pillow
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelgate.fixtures import pixels as module
from labelgate.fixtures.pixels import Decoded, decode


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
