"""Alterations: what each does to a picture, at any size, and always the same."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures.alterations import ALTERATIONS, Alteration
from labelgate.fixtures.colours import RGB

BY_NAME = {alteration.name: alteration for alteration in ALTERATIONS}

each_alteration = pytest.mark.parametrize(
    "alteration", ALTERATIONS, ids=lambda alteration: alteration.name
)


def noise(height: int, width: int, seed: int = 0) -> RGB:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene(height: int, width: int) -> RGB:
    """Smooth waves of three colours: survives what leaves noise unrecognisable."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 31 + phase) * np.cos(y / 23 + phase) for phase in (0.0, 1.0, 2.0)]
    return (127 + 90 * np.stack(waves, 2)).astype(np.uint8)


def textured(height: int, width: int) -> RGB:
    return (scene(height, width) // 2 + noise(height, width) // 2).astype(np.uint8)


def altered(name: str, pixels: RGB, seed: int = 0) -> RGB:
    return BY_NAME[name].apply(pixels, np.random.default_rng(seed))


@each_alteration
@settings(max_examples=8, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
def test_pictures_of_any_size_stay_pictures(
    alteration: Alteration, height: int, width: int, seed: int
) -> None:
    pixels = noise(height, width, seed)
    before = pixels.copy()
    result = alteration.apply(pixels, np.random.default_rng(seed))
    assert result.dtype == np.uint8
    assert result.ndim == 3
    assert result.shape[2] == 3
    assert min(result.shape) > 0
    assert np.array_equal(pixels, before)


@each_alteration
def test_the_same_seed_gives_the_same_pixels(alteration: Alteration) -> None:
    first, second = (alteration.apply(noise(50, 64), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)


@each_alteration
@pytest.mark.parametrize("size", [(64, 64), (375, 500)])
def test_something_changes(alteration: Alteration, size: tuple[int, int]) -> None:
    pixels = textured(*size)
    assert not np.array_equal(alteration.apply(pixels, np.random.default_rng(1)), pixels)


@each_alteration
def test_a_slender_picture_does_not_become_a_huge_one(alteration: Alteration) -> None:
    result = alteration.apply(noise(2, 4000), np.random.default_rng(0))
    assert result.size <= 700 * 2 * 4000 * 3


@each_alteration
def test_workers_can_be_sent_alterations(alteration: Alteration) -> None:
    sent: Alteration = pickle.loads(pickle.dumps(alteration))
    first, second = (one.apply(noise(9, 9), np.random.default_rng(2)) for one in (alteration, sent))
    assert np.array_equal(first, second)


def test_there_are_thirty_with_names_of_their_own() -> None:
    assert len(ALTERATIONS) == len(BY_NAME) == 30


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("half size", (188, 250)),
        ("short side 128", (128, 171)),
        ("stretched to a square", (433, 433)),
        ("crop to 95 %", (356, 475)),
        ("crop to 60 %", (225, 300)),
        ("rotation 3 degrees", (375, 500)),
        ("rotation 90 degrees", (500, 375)),
        ("border 5 %", (375 + 2 * 19, 550)),
        ("letterbox to a square", (500, 500)),
        ("combination (crop, brightness, text, half size, JPEG)", (169, 225)),
    ],
)
def test_a_photograph_gets_this_size(name: str, shape: tuple[int, int]) -> None:
    assert altered(name, scene(375, 500)).shape == (*shape, 3)


def test_what_makes_a_square_changes_a_square_too() -> None:
    assert altered("stretched to a square", scene(64, 64)).shape == (48, 64, 3)
    assert altered("letterbox to a square", scene(64, 64)).shape == (64, 86, 3)


def test_small_pictures_grow_at_most_fourfold() -> None:
    assert altered("short side 128", scene(64, 80)).shape == (128, 160, 3)
    assert altered("short side 128", scene(8, 10)).shape == (32, 40, 3)


@pytest.mark.parametrize(
    ("name", "turn"),
    [
        ("rotation 90 degrees", lambda pixels: np.rot90(pixels)),
        ("rotation 180 degrees", lambda pixels: pixels[::-1, ::-1]),
        ("mirror", lambda pixels: pixels[:, ::-1]),
        ("upside down", lambda pixels: pixels[::-1]),
    ],
)
def test_turns_are_exact(name: str, turn: Callable[[RGB], RGB]) -> None:
    pixels = noise(37, 52)
    assert np.array_equal(altered(name, pixels), turn(pixels))


def test_a_crop_is_a_piece_of_the_picture() -> None:
    pixels = noise(50, 60)
    piece = altered("crop to 60 %", pixels, seed=3)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, piece.shape)
    assert (windows == piece).all(axis=(-3, -2, -1)).sum() == 1


def test_crops_stand_anywhere() -> None:
    pixels = noise(50, 60)
    pieces = {altered("crop to 60 %", pixels, seed).tobytes() for seed in range(20)}
    assert len(pieces) > 10


def test_grey_has_three_equal_channels() -> None:
    result = altered("grey", noise(20, 20))
    assert np.array_equal(result[..., 0], result[..., 1])
    assert np.array_equal(result[..., 0], result[..., 2])


def test_hues_wrap_around_and_grey_has_none() -> None:
    assert np.array_equal(
        altered("hue 25/256", np.full((4, 4, 3), 90, np.uint8)), np.full((4, 4, 3), 90, np.uint8)
    )
    purple_red = np.full((4, 4, 3), (255, 0, 40), np.uint8)  # hue 249 of 256
    assert altered("hue 25/256", purple_red)[0, 0].argmax() == 0
    assert altered("hue 25/256", purple_red)[0, 0, 1] > altered("hue 25/256", purple_red)[0, 0, 2]


def test_brightness_and_gamma_follow_their_formulas() -> None:
    pixels = np.full((2, 2, 3), 100, np.uint8)
    assert (altered("brightness 1.4", pixels) == 140).all()
    assert (altered("gamma 0.6", pixels) == round(255 * (100 / 255) ** 0.6)).all()
    assert (altered("brightness 1.4", np.full((2, 2, 3), 250, np.uint8)) == 255).all()


def test_noise_has_the_sigma_it_says() -> None:
    flat = np.full((200, 200, 3), 128, np.uint8)
    assert altered("noise sigma 10", flat).std() == pytest.approx(10, abs=0.2)


def test_a_border_leaves_the_picture_inside_it() -> None:
    pixels = noise(40, 60)
    result = altered("border 5 %", pixels)
    assert np.array_equal(result[2:-2, 3:-3], pixels)
    assert len(np.unique(result[:2].reshape(-1, 3), axis=0)) == 1


def test_a_window_leaves_the_picture_inside_it() -> None:
    pixels = noise(100, 100)
    assert np.array_equal(altered("screenshot", pixels)[12:112, 4:104], pixels)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("text small", 0.0005, 0.02), ("text large", 0.005, 0.12), ("sticker", 0.04, 0.09)],
)
def test_overlays_cover_their_share(name: str, least: float, most: float) -> None:
    pixels = scene(375, 500)
    changed = [(altered(name, pixels, seed) != pixels).any(2).mean() for seed in range(10)]
    assert least < float(np.mean(changed)) < most


def test_stronger_compression_changes_more() -> None:
    pixels = textured(200, 200)
    changes = [
        np.abs(altered(f"JPEG quality {quality}", pixels).astype(int) - pixels).mean()
        for quality in (75, 30, 10)
    ]
    assert changes == sorted(changes)
    assert changes[0] > 0
