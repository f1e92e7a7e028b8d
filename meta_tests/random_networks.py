"""Networks with random weights, pictures for them, and what libraries make of both."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelgate.fixtures.embedders.network import Forward, Network

torch = pytest.importorskip("torch")
Transform = Callable[[Any], torch.Tensor]


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise, which shows every difference between two filters."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / 7 + c) + np.cos(columns / 41 + c) for c in range(3)]
    return (127 + 60 * np.stack(waves, -1)).astype(np.uint8)


def library_vectors(
    network: Forward, transform: Transform, pictures: list[np.ndarray]
) -> np.ndarray:
    """What the library's own transform and network make of pictures, scaled to unit length."""
    from PIL import Image

    with torch.inference_mode():
        inputs = torch.stack([transform(Image.fromarray(pixels)) for pixels in pictures])
        return torch.nn.functional.normalize(network(inputs), dim=1).numpy()


def our_vectors(network: Network, pictures: list[np.ndarray]) -> np.ndarray:
    prepared = np.stack([network.preparation(pixels) for pixels in pictures])
    return network.encode(torch.from_numpy(prepared)).numpy()


class Colours(torch.nn.Module):
    """The mean of each channel in each quarter; enough of a network for a convention."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) -> (n, 12)."""
        return torch.nn.functional.adaptive_avg_pool2d(images, [2, 2]).flatten(1) + 0.01


def archive(network: torch.nn.Module, file: Path, **extra: str) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(network), file, extra)
    return file


def one_sentence(error: BaseException) -> bool:
    text = str(error)
    return "\n" not in text and text.endswith(".") and len(text) < 700


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)
