"""What a picture becomes before a network sees it: what transforms of the libraries make of it."""

import pickle
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import picture, smooth

from labelgate.fixtures.embedders.preparation import FITS, Preparation

torch = pytest.importorskip("torch")
Python = Callable[..., "CompletedProcess[str]"]

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))


def short_of_slender(size: tuple[int, int]) -> bool:
    return max(size) <= 8 * min(size)


@settings(max_examples=30, deadline=None)
@given(
    size=SIZES.filter(short_of_slender),
    side=st.sampled_from([32, 97, 224]),
    crop=st.sampled_from([0.875, 0.95, 1.0, 1.15]),
    mode=st.sampled_from(["center", "squash", "border"]),
    resampling=st.sampled_from(["bicubic", "bilinear", "lanczos"]),
)
def test_preparation_is_the_transform_of_timm(
    timm: ModuleType, size: tuple[int, int], side: int, crop: float, mode: str, resampling: str
) -> None:
    from PIL import Image

    from labelgate.fixtures.embedders.timm_model import preparation_of

    config = {"input_size": (3, side, side), "interpolation": resampling, "crop_pct": crop}
    config |= {"crop_mode": mode, "mean": (0.485, 0.456, 0.406)}
    theirs = timm.data.create_transform(**config, use_prefetcher=True)
    pixels = picture(*size)
    expected = theirs(Image.fromarray(pixels)).numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(preparation_of("timm:x", config)(pixels), expected)


@settings(max_examples=20, deadline=None)
@given(
    size=SIZES.filter(short_of_slender),
    side=st.sampled_from([32, 224]),
    mode=st.sampled_from(["shortest", "squash", "longest"]),
    resampling=st.sampled_from(["bicubic", "bilinear"]),
)
def test_preparation_is_the_transform_of_open_clip(
    open_clip: ModuleType, size: tuple[int, int], side: int, mode: str, resampling: str
) -> None:
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from PIL import Image

    from labelgate.fixtures.embedders.open_clip_model import preparation_of

    config = {"size": side, "resize_mode": mode, "interpolation": resampling, "fill_color": 0}
    theirs = image_transform_v2(PreprocessCfg(**config, mean=(0,) * 3, std=(1,) * 3), False)
    pixels = picture(*size)
    expected = (theirs(Image.fromarray(pixels)) * 255).round().byte().numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(preparation_of("open_clip:x", config)(pixels), expected)


@settings(max_examples=20, deadline=None)
@given(size=SIZES, side=st.integers(1, 64), extra=st.integers(0, 20), fit=st.sampled_from(FITS))
def test_any_picture_becomes_a_square(
    size: tuple[int, int], side: int, extra: int, fit: str
) -> None:
    prepared = Preparation(side, side + extra, fit)(picture(*size))
    assert (prepared.shape, prepared.dtype) == ((side, side, 3), np.uint8)
    assert prepared.flags.c_contiguous


@pytest.mark.parametrize("size", [(10_000, 2), (2, 10_000), (1, 1), (1, 5_000), (40_000, 1)])
@pytest.mark.parametrize("fit", FITS)
def test_slender_pictures_cost_little(size: tuple[int, int], fit: str) -> None:
    import tracemalloc

    pixels = np.full((*size, 3), 77, np.uint8)
    tracemalloc.start()
    prepared = Preparation(224, 256, fit, fill=(77, 77, 77))(pixels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (prepared == 77).all()
    assert peak < 2**24


@pytest.mark.parametrize("size", [(1700, 100), (100, 1700), (900, 20)])
def test_what_is_cropped_before_is_what_would_be_cropped_after(size: tuple[int, int]) -> None:
    from PIL import Image

    pixels, short = smooth(*size), min(size)
    longer = int(64 * max(size) / short)
    whole = Image.fromarray(pixels).resize(
        (64, longer) if size[0] > size[1] else (longer, 64), Image.Resampling.BICUBIC
    )
    first = round((longer - 64) / 2)
    kept = np.asarray(whole).astype(int)
    kept = kept[first : first + 64] if size[0] > size[1] else kept[:, first : first + 64]
    assert np.abs(kept - Preparation(64, 64)(pixels)).max() <= 2


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"scaled": 0}, {"fit": "wide"}, {"resampling": "sharp"}, {"size": -3}],
    ids=str,
)
def test_a_preparation_that_prepares_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least 1 pixel|unknown fit"):
        Preparation(**{"size": 32, "scaled": 32} | wrong)


def test_a_preparation_travels_to_workers_without_torch(tmp_path: Path, python: Python) -> None:
    preparation = Preparation(32, 36, "long", "lanczos", (1, 2, 3))
    (tmp_path / "it").write_bytes(pickle.dumps(preparation))
    code = (
        "import pickle, sys\n"
        "it = pickle.load(open('it', 'rb'))\n"
        "import labelgate.fixtures.preparing\n"
        "print(it, {'torch', 'pytest', 'pyarrow'} & set(sys.modules))"
    )
    assert python(tmp_path, "-c", code).stdout.strip() == f"{preparation} set()"
