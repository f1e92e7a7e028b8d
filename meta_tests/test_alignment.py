"""Alignment: planted copies are found and typed, strangers are not, and odd pictures do no harm."""

import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from labelgate.fixtures.agreement import Agreement, compare, warp
from labelgate.fixtures.alignment import Alignment, align, view
from labelgate.fixtures.alignment_features import find_features, match_features, mirror
from labelgate.fixtures.alignment_pixels import lay, make_thumbnail, refine, turn
from labelgate.fixtures.alignment_verdict import (
    FEW,
    LEVEL,
    MANY,
    SEVERAL,
    STRAIGHT,
    STRONG,
    UNSTRETCHED,
    _classify,
    judge,
)
from labelgate.fixtures.alterations import ALTERATIONS, Alteration
from labelgate.fixtures.colours import RGB
from labelgate.fixtures.difference import OUTSIDE, difference_image
from labelgate.fixtures.margins import find_content
from labelgate.fixtures.transforms import Matrix, Transform, describe, is_plausible

SIZES = {"photograph": (300, 220), "thumbnail": (64, 64), "tiny": (32, 32)}
"""Widths and heights that take each of the ways."""


@cache
def scene(seed: int, width: int = 300, height: int = 220) -> RGB:
    """Draws a picture with structure of all sizes: overlapping coloured shapes, then texture."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (600, 440), tuple(rng.integers(40, 216, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for size in (240, 160, 100, 60, 40, 25, 15):
        for _ in range(2400 // size):
            x, y = rng.integers(-size // 2, (600, 440))
            box = (x, y, x + rng.integers(size // 2, size), y + rng.integers(size // 2, size))
            (draw.ellipse if rng.integers(2) else draw.rectangle)(
                tuple(int(v) for v in box), tuple(rng.integers(0, 256, 3).tolist())
            )
    soft = image.filter(ImageFilter.GaussianBlur(1))
    return np.asarray(soft.resize((width, height), Image.Resampling.LANCZOS))


def aligned(a: RGB, b: RGB) -> Alignment:
    return align(view(a), view(b))


def altered(name: str, pixels: RGB, seed: int = 0) -> RGB:
    (how,) = (alteration for alteration in ALTERATIONS if alteration.name == name)
    return how.apply(pixels, np.random.default_rng(seed))


# --- planted copies -----------------------------------------------------------------------------


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda alteration: alteration.name)
def test_each_alteration_of_a_photograph_is_found_and_typed(alteration: Alteration) -> None:
    found = aligned(scene(1), alteration.apply(scene(1), np.random.default_rng(1)))
    assert found.kind == "augmentation"
    assert found.transform is not None
    assert 0.5 <= found.score <= 1


@pytest.mark.parametrize("size", ["thumbnail", "tiny"])
def test_small_copies_are_found(size: str) -> None:
    hard = ("sticker", "text", "combination", "rotation 10")
    names = [a for a in ALTERATIONS if not a.name.startswith(hard)]
    picture = scene(4, *SIZES[size])
    kinds = [aligned(picture, a.apply(picture, np.random.default_rng(0))).kind for a in names]
    assert set(kinds) <= {"augmentation", "exact"}, dict(zip(names, kinds, strict=True))


@pytest.mark.parametrize("size", SIZES)
def test_strangers_are_different(size: str) -> None:
    views = [view(scene(seed, *SIZES[size])) for seed in range(8)]
    for i, a in enumerate(views):
        for b in views[:i]:
            assert align(a, b) == Alignment("different", 0.0, None)


def test_a_shared_frame_text_or_logo_makes_no_copy() -> None:
    from labelgate.fixtures.alterations import ALTERATIONS

    for name in ("screenshot", "border 5 %", "letterbox to a square", "text large", "sticker"):
        alteration = next(a for a in ALTERATIONS if a.name == name)
        one, other = (alteration.apply(scene(s), np.random.default_rng(7)) for s in (1, 2))
        assert aligned(one, other).kind == "different", name


def silhouette(ground: int, corners: list[tuple[int, int]]) -> RGB:
    """Draws a dark shape in front of a plain sky, large, and reduces it to 64 x 64."""
    image = Image.new("RGB", (256, 256), (ground, ground, ground + 30))
    ImageDraw.Draw(image).polygon(corners, (35, 40, 45))
    soft = image.filter(ImageFilter.GaussianBlur(2))
    return np.asarray(soft.resize((64, 64), Image.Resampling.LANCZOS))


def test_outlines_of_two_things_in_front_of_a_plain_ground_are_no_copies() -> None:
    first = silhouette(170, [(106, 94), (194, 63), (188, 132), (141, 166)])
    second = silhouette(200, [(54, 92), (124, 114), (55, 191), (43, 135)])
    assert aligned(first, second).kind == "different"


def test_structure_is_spread_over_a_texture_and_not_over_a_sky() -> None:
    textured = scene(1, 64, 64).mean(2).astype(np.float32)
    plane = silhouette(170, [(40, 110), (200, 90), (150, 130), (110, 150)]).mean(2)
    everywhere, outline = (compare(one, one, np.eye(3)) for one in (textured, np.float32(plane)))
    assert everywhere is not None
    assert outline is not None
    assert outline.structure < 0.3 * outline.pixels < 0.6 * everywhere.pixels
    assert 0.6 * everywhere.pixels < everywhere.structure <= everywhere.pixels


def test_another_view_of_a_scene_is_no_alteration() -> None:
    import cv2

    picture = scene(5, 480, 360)
    rng = np.random.default_rng(0)
    shifts = [cv2.GaussianBlur(rng.normal(size=(360, 480)), (0, 0), 40) for _ in range(2)]
    x, y = (np.float32(12 * shift / np.abs(shift).max()) for shift in shifts)
    down, across = np.mgrid[:360, :480].astype(np.float32)
    moved = cv2.remap(picture, across + x, down + y, cv2.INTER_LINEAR)
    found = aligned(picture, np.asarray(moved))
    assert found.kind == "similar_view"
    assert found.transform is not None


# --- what was done is told ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mirror", "mirrored"),
        ("rotation 90 degrees", "rotated 90 degrees"),
        ("rotation 180 degrees", "rotated 180 degrees"),
        ("upside down", "mirrored, rotated 180 degrees"),
        ("half size", "resized to 50 %"),
        ("JPEG quality 75", "in place"),
        ("border 5 %", "margins around b"),
    ],
)
def test_the_transform_says_in_words_what_was_done(name: str, told: str) -> None:
    found = aligned(scene(1), altered(name, scene(1)))
    assert str(found.transform) == told


@pytest.mark.parametrize("degrees", [-180, -179.6, 179.6, 180])
def test_half_a_turn_is_told_the_same_whichever_way_round(degrees: float) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    done = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    assert str(describe(np.linalg.inv(done), 1, 1, 1, "")) == "rotated 180 degrees"


@pytest.mark.parametrize(
    ("matrix", "share_a", "share_b"),
    [
        ([[1, 0, -0.78], [0, 1, 0], [0, 0, 1]], 0.976, 0.976),  # shifted by most of a pixel of 32
        ([[0.98, 0, 0.3], [0, 0.98, 0.3], [0, 0, 1]], 0.971, 1.0),  # cropped a little
        ([[0.99, 0, 0.16], [0, 1.005, 0], [0, 0, 1]], 1.0, 1.0),  # stretched a little
        ([[1, 0.02, -0.3], [-0.02, 1, 0.3], [0, 0, 1]], 0.999, 0.999),  # turned a little
    ],
)
def test_a_picture_that_moved_too_little_to_be_told_is_not_said_to_be_in_place(
    matrix: list[list[float]], share_a: float, share_b: float
) -> None:
    assert str(describe(np.array(matrix), share_a, share_b, 1, "")) == "nearly in place"


def test_an_error_of_alignment_is_no_move() -> None:
    laid = np.array([[1.0005, -0.0001, -0.0129], [0.0002, 0.9999, 0.0056], [0, 0, 1]])
    assert str(describe(laid, 0.9997, 0.9993, 1, "")) == "in place"


def test_a_crop_is_measured() -> None:
    found = aligned(scene(1), altered("crop to 80 %", scene(1)))
    assert found.transform is not None
    assert found.transform.share_a == pytest.approx(0.64, abs=0.03)
    assert found.transform.share_b == pytest.approx(1, abs=0.03)
    assert str(found.transform) == "b shows 64 % of a"


def test_gain_is_told() -> None:
    dim = (scene(1) * 0.5).astype(np.uint8)
    assert str(aligned(scene(1), dim).transform) == "contrast x 0.50"


@settings(max_examples=100, deadline=None)
@given(
    st.booleans(), st.floats(-179, 179), st.floats(0.2, 5), st.floats(1, 2),
    st.floats(-50, 50), st.floats(-50, 50),
)  # fmt: skip
def test_a_map_is_taken_apart_into_what_it_was_made_of(
    mirrored: bool, degrees: float, scale: float, stretch: float, x: float, y: float
) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    done = np.eye(3)
    done[:2, :2] = scale * np.array([[c, s], [-s, c]]) @ np.diag([stretch**0.5, stretch**-0.5])
    done[:2, :2] = done[:2, :2] @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    done[:2, 2] = x, y
    found = describe(np.linalg.inv(done), 0.5, 0.25, 2.0, "a")
    assert found.mirrored == mirrored
    assert found.rotation == pytest.approx(degrees, abs=0.01)
    assert found.scale == pytest.approx(scale)
    assert found.stretch == pytest.approx(stretch, abs=1e-6)
    assert found.shear == pytest.approx(0, abs=1e-6)
    back = found.inverse()
    assert np.allclose(back.as_matrix() @ found.as_matrix(), np.eye(3), atol=1e-6)
    assert (back.share_a, back.share_b, back.gain, back.margins) == (0.25, 0.5, 0.5, "b")
    assert is_plausible(found.as_matrix())


def test_implausible_maps_are_known() -> None:
    assert not is_plausible(np.diag([1.0, 2.3, 1.0]))
    assert is_plausible(np.diag([1.0, 2.1, 1.0]))
    assert not is_plausible(np.full((3, 3), np.nan))
    assert not is_plausible(np.diag([0.01, 0.01, 1.0]))


# --- symmetry and determinism -------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_order_of_a_pair_does_not_matter(size: str) -> None:
    picture = scene(3, *SIZES[size])
    for name in ("crop to 80 %", "mirror", "half size", "rotation 90 degrees"):
        a, b = view(picture), view(altered(name, picture))
        there, back = align(a, b), align(b, a)
        assert (there.kind, there.score) == (back.kind, back.score)
        assert there.transform is not None
        assert back.transform is not None
        product = there.transform.as_matrix() @ back.transform.as_matrix()
        assert np.allclose(product, np.eye(3), atol=1e-6)


def test_the_same_pair_has_the_same_result_whatever_the_seed() -> None:
    import cv2

    results = []
    for seed in (1, 2):
        cv2.setRNGSeed(seed)
        results.append(aligned(scene(1), altered("crop to 60 %", scene(1))))
    assert results[0] == results[1]


# --- pictures with nothing to see ---------------------------------------------------------------

BARE = {
    "1x1": np.full((1, 1, 3), 9, np.uint8),
    "1x1 of another colour": np.full((1, 1, 3), 200, np.uint8),
    "black": np.zeros((50, 40, 3), np.uint8),
    "black and larger": np.zeros((500, 400, 3), np.uint8),
    "white": np.full((50, 40, 3), 255, np.uint8),
    "10000x2": np.tile(np.arange(10_000, dtype=np.uint8)[None, :, None], (2, 1, 3)),
    "1x10000": np.tile(np.arange(10_000, dtype=np.uint8)[:, None, None], (1, 1, 3)),
    "40000x3": np.tile(np.arange(40_000, dtype=np.uint8)[None, :, None], (3, 1, 3)),
    "3x3": np.arange(27, dtype=np.uint8).reshape(3, 3, 3),
    "faint noise": np.random.default_rng(0).integers(100, 104, (64, 64, 3), dtype=np.uint8),
}


def test_a_picture_without_structure_is_a_copy_of_nothing_but_its_equal() -> None:
    others = {"scene": scene(1), "small scene": scene(1, 32, 32)}
    views = {name: view(picture) for name, picture in (BARE | others).items()}
    for name in BARE:
        for other, there in views.items():
            expected = "exact" if other == name else "different"
            assert align(views[name], there).kind == expected, (name, other)


def test_noise_is_no_copy_of_other_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    kinds = {aligned(noise[i], noise[j]).kind for i in range(4) for j in range(i)}
    assert kinds == {"different"}


def test_gradients_and_one_edge_are_no_copies() -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (64, 1, 3))
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, 30:] = 255
    assert aligned(ramp, edge).kind == "different"
    assert aligned(edge, scene(1, 64, 64)).kind == "different"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.integers(1, 70))
def test_any_two_sizes_are_compared_without_a_crash(w: int, h: int, x: int, y: int) -> None:
    a, b = scene(1)[:h, :w], scene(2)[:y, :x]
    found = aligned(a, b)
    assert found.kind in ("different", "similar_view", "augmentation", "exact")
    assert np.isfinite(found.score)


def test_equal_pixels_are_exact_and_a_changed_one_is_not() -> None:
    changed = scene(1).copy()
    changed[5, 5] ^= 1
    assert aligned(scene(1), scene(1).copy()).kind == "exact"
    assert str(aligned(scene(1), scene(1).copy()).transform) == "in place"
    assert aligned(scene(1), changed).kind == "augmentation"


def test_a_hundred_strangers_take_less_than_a_second_of_processor_time() -> None:
    views = [view(scene(seed, 32, 32)) for seed in range(15)]
    started = time.process_time()
    for i, a in enumerate(views):
        for b in views[:i]:
            align(a, b)
    assert time.process_time() - started < 2


# --- the parts ----------------------------------------------------------------------------------


def agreement(**given: float) -> Agreement:
    best = dict.fromkeys(("share", "median", "low", "fine", "whole", "share_a", "share_b"), 1.0)
    values = best | {"pixels": 5000, "structure": 5000.0, "gain": 1.0} | given
    return Agreement(**values, agreeing=np.ones((2, 2), np.bool_))  # type: ignore[arg-type]


def map_with(**given: float) -> Transform:
    values = {"rotation": 0.0, "scale": 1.0, "stretch": 1.0, "shear": 0.0} | given
    mirrored = bool(values.pop("mirrored", False))
    matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    return Transform(matrix, mirrored, share_a=1, share_b=1, gain=1, margins="", **values)


@pytest.mark.parametrize(
    ("found", "transform", "inliers", "kind"),
    [
        ({}, {}, 0, "augmentation"),
        ({"pixels": FEW}, {}, 0, "augmentation"),
        ({"pixels": FEW - 1}, {}, 0, "different"),
        ({"share_a": 0.31}, {}, 0, "augmentation"),
        ({"share_a": 0.29}, {}, 0, "different"),
        ({"share_a": 0.29}, {}, STRONG, "augmentation"),
        ({"share_a": 0.64, "share_b": 0.64}, {}, STRONG, "different"),
        ({}, {"shear": 0.11}, 0, "different"),
        ({}, {"shear": 0.11}, STRONG, "similar_view"),
        ({}, {"stretch": 1.6}, 0, "different"),
        ({}, {"stretch": 1.6}, STRONG, "augmentation"),
        ({"median": 0.95}, {}, STRONG, "similar_view"),
        ({"share": 0.14}, {}, STRONG, "different"),
        ({"median": 0.91, "fine": 0.81}, {}, 0, "augmentation"),
        ({"median": 0.91, "fine": 0.81, "share_b": 0.79}, {}, 0, "different"),
        ({"median": 0.94, "fine": 0.86, "share_b": 0.79}, {}, 0, "augmentation"),
        ({"median": 0.94, "fine": 0.86}, {"stretch": 1.06}, 0, "different"),
        ({"median": 0.96, "fine": 0.93}, {"stretch": 1.06}, 0, "augmentation"),
        ({"median": 0.95, "fine": 0.94}, {"rotation": 5}, 0, "different"),
        ({"median": 0.95, "fine": 0.96}, {"rotation": 5}, 0, "augmentation"),
        ({"median": 0.95, "fine": 0.94}, {"mirrored": 1}, 0, "different"),
        ({"median": 0.95, "fine": 0.96}, {"mirrored": 1}, 0, "augmentation"),
        ({}, {"rotation": 5, "stretch": 1.11}, SEVERAL - 1, "different"),
        ({}, {"rotation": 5, "stretch": 1.11}, SEVERAL, "similar_view"),
        ({}, {"rotation": 5, "stretch": 1.09}, 0, "augmentation"),
        ({}, {"rotation": 90, "stretch": 1.3}, 0, "augmentation"),
        ({}, {"rotation": 90, "shear": 0.06}, 0, "different"),
        ({"structure": 351}, {"rotation": 5}, 0, "augmentation"),
        ({"structure": 349}, {"rotation": 5}, 0, "different"),
        ({"structure": 349}, {"mirrored": 1}, 0, "augmentation"),
        ({"structure": 249}, {"mirrored": 1}, 0, "different"),
        ({"structure": 249}, {"stretch": 1.14}, 0, "different"),
        ({"structure": 1}, {"stretch": 1.12}, 0, "augmentation"),
        ({"median": 0.94, "fine": 0.91}, {"rotation": 20}, SEVERAL, "similar_view"),
        ({"median": 0.94, "fine": 0.91}, {"rotation": 20}, SEVERAL - 1, "different"),
        ({"median": 0.89}, {}, 0, "different"),
        ({"median": 0.91, "fine": 0.81, "pixels": MANY - 1}, {}, 0, "different"),
        ({"median": 0.91, "fine": 0.89, "pixels": 900}, {}, 0, "augmentation"),
        ({"median": 0.91, "fine": 0.89, "pixels": 900, "structure": 399}, {}, 0, "different"),
        ({"median": 0.91, "fine": 0.89, "pixels": 900}, {"rotation": 5}, 0, "different"),
        ({"median": 0.96, "fine": 0.93, "pixels": 900}, {"rotation": 2}, 0, "augmentation"),
        ({"median": 0.96, "fine": 0.91, "pixels": 900}, {"rotation": 2}, 0, "similar_view"),
        ({"median": 0.96, "fine": 0.93, "pixels": 900}, {"rotation": 5}, 0, "different"),
        ({"median": 0.98, "fine": 0.96, "pixels": 900}, {"rotation": 5}, 0, "augmentation"),
    ],
)
def test_the_verdict_just_below_and_above_each_threshold(
    found: dict[str, float], transform: dict[str, float], inliers: int, kind: str
) -> None:
    assert judge(agreement(**found), map_with(**transform), inliers) == kind


def test_mirrored_descriptors_are_those_of_the_mirrored_picture() -> None:
    grey = scene(1).mean(2).astype(np.uint8)
    there = find_features(grey, np.eye(3))
    flipped = find_features(np.ascontiguousarray(grey[:, ::-1]), np.eye(3))
    match = match_features(there, flipped, 300)
    assert match is not None
    assert match.inliers > 0.5 * len(there.points)
    expected = np.array([[-1, 0, 300], [0, 1, 0], [0, 0, 1]])
    assert np.allclose(match.matrix, expected, atol=1)
    assert np.array_equal(mirror(mirror(there.descriptors)), there.descriptors)


def test_features_of_nothing_match_nothing() -> None:
    nothing = find_features(np.zeros((50, 50), np.uint8), np.eye(3))
    assert len(nothing.points) == 0
    assert match_features(nothing, nothing, 50) is None
    some = find_features(scene(1).mean(2).astype(np.uint8), np.eye(3))
    assert match_features(some, nothing, 300) is None


@pytest.mark.parametrize("form", range(8))
def test_each_form_is_laid_where_it_belongs(form: int) -> None:
    thumbnail = make_thumbnail(scene(2, 24, 18).mean(2).astype(np.float32))
    turned = turn(thumbnail, form)
    best = lay(turned, thumbnail, 1)[0]
    assert best.correlation == pytest.approx(1, abs=1e-3)
    drawn, covered = warp(thumbnail, best.matrix, turned.shape[1], turned.shape[0])
    inside = covered > 0.999
    assert inside.mean() > 0.8
    assert np.abs(drawn - turned)[inside].mean() < 1


def test_refining_finds_a_shift_of_two_pixels() -> None:
    grey = scene(1).mean(2).astype(np.float32)[:64, :64]
    shifted = scene(1).mean(2).astype(np.float32)[2:66, 1:65]
    found = refine(grey, shifted, np.eye(3))
    assert found is not None
    assert np.allclose(found, [[1, 0, 1], [0, 1, 2], [0, 0, 1]], atol=0.05)
    flat = np.zeros((64, 64), np.float32)
    assert refine(grey, flat, np.eye(3)) is None


def test_pictures_that_hardly_overlap_are_not_compared() -> None:
    grey = scene(1).mean(2).astype(np.float32)
    aside: Matrix = np.array([[1.0, 0, 296], [0, 1, 210], [0, 0, 1]])
    assert compare(grey, grey, aside) is None
    assert compare(grey, np.zeros_like(grey), np.eye(3)) is None
    found = compare(grey, grey, np.eye(3))
    assert found is not None
    assert found.share > 0.98
    assert (found.share_a, found.share_b) == (pytest.approx(1), pytest.approx(1))


def test_margins_are_found_and_a_plain_picture_keeps_its_own() -> None:
    grey = scene(1).mean(2).astype(np.uint8)
    framed = np.pad(grey, ((7, 9), (20, 0)), constant_values=255)
    assert find_content(framed) == (20, 7, 320, 227)
    assert find_content(np.zeros((30, 40), np.uint8)) == (0, 0, 40, 30)
    assert find_content(np.zeros((1, 1), np.uint8)) == (0, 0, 1, 1)


def test_a_margin_at_the_side_ends_where_one_above_or_below_begins() -> None:
    framed = np.zeros((50, 60), np.uint8)  # black bars above and below, white ones at the sides
    framed[10:45] = 255
    framed[10:45, 5:52] = np.random.default_rng(0).integers(0, 256, (35, 47))
    assert find_content(framed) == (5, 10, 52, 45)


# --- the difference that an auditor sees ----------------------------------------------------------


def test_the_difference_of_a_copy_is_black_where_it_shows_the_picture() -> None:
    for name in ("mirror", "crop to 80 %", "rotation 90 degrees"):
        copy = altered(name, scene(1))
        found = aligned(scene(1), copy)
        assert found.transform is not None
        picture = difference_image(scene(1), copy, found.transform)
        assert picture.shape == scene(1).shape
        outside = (picture == OUTSIDE).all(axis=2)
        assert outside.mean() == pytest.approx(1 - found.transform.share_a, abs=0.03)
        assert picture[~outside].mean() < 8


def test_the_difference_shows_what_was_put_over_the_picture_and_is_small_enough() -> None:
    copy = scene(1).copy()
    copy[50:80, 100:140] = 255
    found = aligned(scene(1), copy)
    assert found.transform is not None
    picture = difference_image(scene(1), copy, found.transform, side=150)
    assert picture.shape == (110, 150, 3)
    assert picture[27:38, 52:68].mean() > 10 * picture[60:].mean()


def test_a_hundredth_of_a_pixel_is_no_strip_that_b_does_not_show() -> None:
    small = scene(1)[:32, :32]
    copy = aligned(scene(1), scene(1)).transform or pytest.fail("the same picture is not aligned")
    shifted = replace(copy, matrix=(1.0, 0.0, 0.01, 0.0, 1.0, 0.01))
    assert not (difference_image(small, small, shifted) == OUTSIDE).all(axis=2).any()
    shifted = replace(copy, matrix=(1.0, 0.0, 1.0, 0.0, 1.0, 0.0))
    outside = (difference_image(small, small, shifted) == OUTSIDE).all(axis=2)
    assert outside[:, 0].all()
    assert not outside[:, 1:].any()


STILL = Transform((1, 0, 0, 0, 1, 0), False, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, "")
AT, BEYOND = 1.0, 1.001


@pytest.mark.parametrize("by", [AT, BEYOND])
@pytest.mark.parametrize(
    ("changed", "smaller", "lost"),
    [
        ({"rotation": STRAIGHT}, 1.0, ("straight", "shifted", "placed")),
        ({"rotation": -STRAIGHT}, 1.0, ("straight", "shifted", "placed")),
        ({"shear": 0.06, "stretch": 1.26}, 1.0, ("close",)),
        ({"shear": 0.06}, 1.0, ("shifted",)),
        ({"stretch": UNSTRETCHED}, 1.0, ("placed",)),
        ({"stretch": 1.12}, 1.0, ("shifted",)),
        ({"stretch": 1.25}, 0.9, ("close",)),
        ({"rotation": LEVEL}, 1.0, ("close",)),
    ],
    ids=str,
)
def test_a_map_is_told_by_what_it_does_up_to_each_bound(
    by: float, changed: dict[str, float], smaller: float, lost: tuple[str, ...]
) -> None:
    told = _classify(replace(STILL, **{key: value * by for key, value in changed.items()}), smaller)
    assert all(getattr(told, name) is (by == AT) for name in lost)


@pytest.mark.parametrize(
    ("shear", "smaller", "close"),
    [(0.0, 0.8, True), (0.0, 0.799, False), (0.0, 0.95, True)],
)
def test_a_map_that_hardly_turns_is_close_if_it_shows_nearly_all(
    shear: float, smaller: float, close: bool
) -> None:
    assert _classify(replace(STILL, shear=shear), smaller).close is close
    quarter = replace(STILL, rotation=90.0, stretch=1.3)
    assert _classify(quarter, smaller).close is (smaller >= 0.95)
    assert _classify(quarter, smaller).turned
    assert _classify(replace(STILL, mirrored=True), smaller).turned
    assert not _classify(replace(STILL, rotation=LEVEL), smaller).turned
    assert _classify(replace(STILL, rotation=-LEVEL * BEYOND), smaller).turned
