"""Pictures of noise, of which no two are alike, for runs that have to take some time."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_noise(root: Path, count: int, side: int = 48) -> Path:
    """Writes pictures into two splits and four classes."""
    rng = np.random.default_rng(0)
    for number in range(count):
        split = "train" if number % 3 else "val"
        file = root / split / f"class{number % 4}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        small = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(file)
    return root
