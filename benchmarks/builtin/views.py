"""Random views of a picture, as strong as copies come: what the network learns to see through.

Geometry (crop, rotation, stretching, padding) is one affine map, so that each view resamples the
picture once. Views are drawn with OpenCV at about 0.2 ms each.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labelgate.fixtures.embedders.preparation import Preparation

RGB = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Views:
    """How views are drawn.

    Attributes:
        size: Side of a view in pixels.
        untouched: Share of first views that are the picture itself: what copies are searched in.
    """

    size: int
    untouched: float

    def pair(self, picture: RGB, rng: np.random.Generator) -> tuple[RGB, RGB]:
        """Two views of one picture, each (size, size, 3) uint8."""
        if rng.random() < self.untouched:
            return resize(picture, self.size), self.strong(picture, rng)
        return self.strong(picture, rng), self.strong(picture, rng)

    def strong(self, picture: RGB, rng: np.random.Generator) -> RGB:
        """One altered view: geometry, colours, sharpness, overlays, compression, in this order."""
        side = self.size if rng.random() < 0.6 else int(rng.integers(self.size // 3, self.size + 1))
        view = _warp(picture, side, rng)
        view = np.rot90(view, int(rng.integers(4)))[:, :: int(rng.choice((-1, 1)))]
        view = _sharpness(_colours(np.ascontiguousarray(view), rng), rng)
        view = _overlays(view, rng)
        if rng.random() < 0.4:
            quality = int(100 * rng.uniform(0.25, 0.95) ** 2)
            _, stream = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, quality])
            view = cv2.imdecode(stream, cv2.IMREAD_COLOR)
        return resize(view, self.size)


def resize(picture: RGB, size: int) -> RGB:
    """Resizes to a square, as pictures are prepared for the network."""
    height, width = picture.shape[:2]
    return picture if height == width == size else Preparation(size, size, "stretch")(picture)


def _warp(picture: RGB, side: int, rng: np.random.Generator) -> RGB:
    """A rotated, stretched crop, perhaps with a border, at side x side pixels."""
    share = 1.0 if rng.random() < 0.25 else np.sqrt(rng.uniform(0.2, 1.0))
    stretch = np.exp(rng.normal(0, 0.15)) if rng.random() < 0.5 else 1.0
    extent = np.minimum(1.0, share * np.array([stretch, 1 / stretch]))  # x, y: part of the picture
    centre = rng.uniform(extent / 2, 1 - extent / 2)
    if rng.random() < 0.3:  # a border: the view shows more than the crop
        wider = rng.uniform(1.0, 1.7, 2) if rng.random() < 0.6 else rng.permutation([1.0, 1.33])
        centre += rng.uniform(-0.35, 0.35, 2) * (wider - 1) * extent
        extent = extent * wider
    angle = 0.0
    if rng.random() < 0.35:
        angle = np.radians(rng.normal(0, 10))
    cos, sin = np.cos(angle), np.sin(angle)
    scale = extent * picture.shape[1::-1] / side  # source pixels to a pixel of the view
    turn = np.array([[cos, -sin], [sin, cos]]) * scale[:, None]
    middle = centre * picture.shape[1::-1] - 0.5 - turn @ np.full(2, (side - 1) / 2)
    if scale.max() > 1.4:  # bilinear sampling alone would alias
        picture = cv2.GaussianBlur(picture, (0, 0), float(scale.max()) * 0.4)
    mode = cv2.BORDER_REFLECT_101 if rng.random() < 0.15 else cv2.BORDER_CONSTANT
    colour = _border_colour(rng)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = np.column_stack([turn, middle])
    return np.asarray(
        cv2.warpAffine(picture, matrix, (side, side), None, flags, mode, colour), np.uint8
    )


def _border_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    draw = rng.random()
    if draw < 0.4:
        return (0, 0, 0)
    if draw < 0.6:
        shade = int(rng.integers(220, 256))
        return shade, shade, shade
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


def _colours(view: RGB, rng: np.random.Generator) -> RGB:
    """Brightness, contrast, gamma, colour balance; hue and saturation; grey."""
    if rng.random() < 0.2:
        hsv = cv2.cvtColor(view, cv2.COLOR_RGB2HSV_FULL)
        hsv[..., 0] += np.uint8(rng.integers(-45, 46) % 256)
        if rng.random() < 0.5:
            gain = np.arange(256) * rng.uniform(0.3, 2.0)
            hsv[..., 1] = gain.clip(0, 255).astype(np.uint8)[hsv[..., 1]]
        view = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)
    if rng.random() < 0.6:
        gamma, gain = np.exp(rng.normal(0, 0.3)), np.exp(rng.normal(0, 0.25))
        balance = np.exp(rng.normal(0, 0.08, 3)) if rng.random() < 0.3 else np.ones(3)
        ramp = np.linspace(0, 1, 256)[:, None] ** gamma * gain * balance + rng.normal(0, 0.05)
        table = (ramp * 255).round().clip(0, 255).astype(np.uint8)
        view = cv2.LUT(view, table[None])
    if rng.random() < 0.12:
        view = cv2.cvtColor(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return view


def _sharpness(view: RGB, rng: np.random.Generator) -> RGB:
    draw = rng.random()
    if draw < 0.3:
        view = cv2.GaussianBlur(view, (0, 0), float(rng.uniform(0.3, 1.6)) * len(view) / 64)
    elif draw < 0.4:
        soft = cv2.GaussianBlur(view, (0, 0), 1.0)
        more = float(rng.uniform(0.3, 1.5))
        view = cv2.addWeighted(view, 1 + more, soft, -more, 0)
    if rng.random() < 0.2:
        grain = rng.standard_normal(view.shape, np.float32) * float(rng.uniform(2, 20))
        view = (view + grain).clip(0, 255).astype(np.uint8)
    return view


def _overlays(view: RGB, rng: np.random.Generator) -> RGB:
    """Text, stickers and window bars, each drawn in place."""
    side = len(view)
    if rng.random() < 0.2:
        letters = "".join(chr(int(code)) for code in rng.integers(33, 123, rng.integers(3, 12)))
        where = int(rng.uniform(-0.1, 0.6) * side), int(rng.uniform(0.1, 1.0) * side)
        height = float(rng.uniform(0.06, 0.3)) * side / 22  # Hershey capitals are 22 pixels high
        cv2.putText(view, letters, where, int(rng.integers(5)), height, _ink(rng), 1, cv2.LINE_AA)
    if rng.random() < 0.18:
        radius = side * float(rng.uniform(0.06, 0.24))
        x, y = rng.uniform(0, side, 2)
        for _ in range(int(rng.integers(1, 6))):
            axes = int(radius * rng.uniform(0.5, 1)) + 1, int(radius * rng.uniform(0.5, 1)) + 1
            cv2.ellipse(view, (int(x), int(y)), axes, 0, 0, 360, _ink(rng), -1, cv2.LINE_AA)
            x, y = (x, y) + rng.uniform(-0.5, 0.5, 2) * radius
            radius *= float(rng.uniform(0.2, 0.8))
    if rng.random() < 0.07:
        top, bottom = (int(part * side) for part in rng.uniform(0.0, 0.18, 2))
        view[:top] = _ink(rng)
        view[side - bottom :] = _ink(rng)
        for x in (1, 4, 7):
            cv2.circle(view, (x + 1, top // 2), 1, _ink(rng), -1)
    return view


def _ink(rng: np.random.Generator) -> tuple[int, int, int]:
    if rng.random() < 0.4:
        shade = 255 * int(rng.integers(2))
        return shade, shade, shade
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue
