"""Embedders by name: real architectures with random weights, and what users get wrong."""

import math
import pickle
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures import devices
from labelgate.fixtures.devices import choose_device, foresee_device
from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.network import Forward, Network, describe
from labelgate.fixtures.embedders.preparation import FITS, Preparation
from labelgate.fixtures.embedders.vectors_file import load_vectors_file
from labelgate.fixtures.errors import EmbedderError, EmbedderUnavailableError, SettingsError

torch = pytest.importorskip("torch")
Python = Callable[..., "CompletedProcess[str]"]
Transform = Callable[[Any], torch.Tensor]

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))
TINY_CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def timm() -> ModuleType:
    from labelgate.fixtures.torchvision_cure import import_torchvision

    import_torchvision()
    return pytest.importorskip("timm")


@pytest.fixture(scope="module")
def open_clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """open_clip, with a tiny architecture of ours beside its own."""
    import json

    from labelgate.fixtures.torchvision_cure import import_torchvision

    import_torchvision()
    library = pytest.importorskip("open_clip")
    file = tmp_path_factory.mktemp("configs") / "tiny-clip.json"
    file.write_text(json.dumps(TINY_CLIP))
    library.add_model_config(file)
    yield library
    library.factory._MODEL_CONFIG_PATHS.remove(file)
    library.factory._rescan_model_configs()


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise, which shows every difference between two filters."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / 7 + c) + np.cos(columns / 41 + c) for c in range(3)]
    return (127 + 60 * np.stack(waves, -1)).astype(np.uint8)


def short_of_slender(size: tuple[int, int]) -> bool:
    return max(size) <= 8 * min(size)


# what a picture becomes


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


# networks


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


@pytest.mark.parametrize(
    "model", ["test_resnet.r160_in1k", "test_vit.r160_in1k", "test_convnext.r160_in1k"]
)
def test_timm_gives_the_vectors_of_timm(timm: ModuleType, model: str) -> None:
    from labelgate.fixtures.embedders.timm_model import build_timm

    built = build_timm(f"timm:{model}", model, "cpu", None)
    ours = Network("x", "cpu", describe("x", "l", "w", built, "cpu"), lambda: built.forward)
    config = timm.data.resolve_data_config({}, model=built.forward)
    pictures = [picture(40, 60), picture(333, 250, 1), np.zeros((1, 1, 3), np.uint8)]
    expected = library_vectors(built.forward, timm.data.create_transform(**config), pictures)
    found = our_vectors(ours, pictures)
    assert found.shape == (3, ours.dimensions)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_dinov2_is_known_with_its_own_size_and_no_head(timm: ModuleType) -> None:
    from labelgate.fixtures.embedders.timm_model import preparation_of

    source = timm.get_pretrained_cfg("vit_small_patch14_dinov2.lvd142m")
    config = timm.data.resolve_data_config({}, pretrained_cfg=source.to_dict())
    assert preparation_of("timm:x", config) == Preparation(518, 518, "short", "bicubic")
    with torch.device("meta"):
        network = timm.create_model("vit_small_patch14_dinov2.lvd142m", num_classes=0)
    assert network(torch.zeros((2, 3, 518, 518), device="meta")).shape == (2, 384)


def test_every_model_of_timm_with_weights_can_be_prepared_for_or_is_not_square(
    timm: ModuleType,
) -> None:
    from labelgate.fixtures.embedders.timm_model import preparation_of

    for model in timm.list_models(pretrained=True):
        source = timm.get_pretrained_cfg(model).to_dict()
        config = timm.data.resolve_data_config({}, pretrained_cfg=source)
        _, height, width = config["input_size"]
        if height == width:
            assert preparation_of(model, config).size == height
        else:
            with pytest.raises(EmbedderError, match="only square pictures"):
                preparation_of(model, config)


def test_open_clip_gives_the_vectors_of_open_clip(open_clip: ModuleType) -> None:
    from labelgate.fixtures.embedders.open_clip_model import build_open_clip

    torch.manual_seed(0)
    whole, _, transform = open_clip.create_model_and_transforms("tiny-clip")
    torch.manual_seed(0)
    built = build_open_clip("open_clip:tiny-clip/x", "tiny-clip", "", "cpu", None)
    ours = Network("x", "cpu", describe("x", "l", "w", built, "cpu"), lambda: built.forward)
    pictures = [picture(40, 60), picture(333, 250, 1), np.zeros((1, 1, 3), np.uint8)]
    expected = library_vectors(whole.eval().encode_image, transform, pictures)
    np.testing.assert_allclose(our_vectors(ours, pictures), expected, atol=2e-5)


def test_a_real_tower_of_open_clip_runs(open_clip: ModuleType) -> None:
    from labelgate.fixtures.embedders.open_clip_model import build_open_clip

    built = build_open_clip("open_clip:ViT-S-32-alt/x", "ViT-S-32-alt", "", "cpu", None)
    assert describe("x", "l", "w", built, "cpu").dimensions == 256
    assert built.preparation == Preparation(224, 224, "short", "bicubic")


def test_a_tag_of_open_clip_brings_its_own_preparation(
    open_clip: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelgate.fixtures.embedders.open_clip_model import build_open_clip

    own = {"mean": (0.5, 0.4, 0.3), "std": (0.3, 0.2, 0.1), "resize_mode": "squash"}
    tag = own | {"hf_hub": "owner/name/", "interpolation": "bilinear"}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda model, name: tag)
    built = build_open_clip("open_clip:x", "tiny-clip", "x", "cpu", None)
    assert (built.mean, built.std) == (own["mean"], own["std"])
    assert built.preparation == Preparation(32, 32, "stretch", "bilinear")


def test_every_tag_of_open_clip_is_known_or_another_model_is_named(open_clip: ModuleType) -> None:
    from labelgate.fixtures.embedders.open_clip_model import _tag

    every = open_clip.list_pretrained()
    for model, tag in every:
        try:
            assert _tag("open_clip:x", model, tag)["hf_hub"]
        except EmbedderError as error:
            other = str(error).rpartition("open_clip:")[2].rstrip(".")
            assert tuple(other.split("/")) in every


def test_the_image_half_of_coca_is_used_without_its_tokens(
    open_clip: ModuleType, tmp_path: Path
) -> None:
    import json

    from labelgate.fixtures.embedders.open_clip_model import build_open_clip

    multimodal = {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
    vision = TINY_CLIP["vision_cfg"] | {"attentional_pool": True, "output_tokens": True}
    config = TINY_CLIP | {"vision_cfg": vision, "multimodal_cfg": multimodal, "custom_text": True}
    config["text_cfg"] = TINY_CLIP["text_cfg"] | {"embed_cls": True, "output_tokens": True}
    (tmp_path / "tiny-coca.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-coca.json")
    try:
        built = build_open_clip("open_clip:tiny-coca/x", "tiny-coca", "", "cpu", None)
        assert describe("x", "l", "w", built, "cpu").dimensions == 16
    finally:
        open_clip.factory._MODEL_CONFIG_PATHS.remove(tmp_path / "tiny-coca.json")
        open_clip.factory._rescan_model_configs()


# weights from files


@pytest.fixture(scope="module")
def timm_file(timm: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of `test_vit` as timm's own training would leave them, classifier included."""
    from safetensors.torch import save_file

    torch.manual_seed(1)
    file = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), file)
    return file


def test_timm_loads_a_file_of_weights(timm: ModuleType, timm_file: Path) -> None:
    torch.manual_seed(1)
    expected = timm.create_model("test_vit").eval()
    expected.reset_classifier(0)
    network = load_embedder(f"timm:test_vit.r160_in1k/{timm_file}", "cpu")
    assert isinstance(network, Network)
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=expected))
    found = our_vectors(network, [picture(50, 40)])
    np.testing.assert_allclose(
        found, library_vectors(expected, transform, [picture(50, 40)]), atol=2e-5
    )


@pytest.mark.parametrize("model", ["test_resnet", "test_vit", "test_convnext", "test_mambaout"])
@pytest.mark.parametrize("classes", [1001, 10, 0])
def test_the_classifier_of_a_file_does_not_matter(
    timm: ModuleType, tmp_path: Path, model: str, classes: int
) -> None:
    from safetensors.torch import save_file

    from labelgate.fixtures.embedders.timm_model import build_timm

    torch.manual_seed(2)
    whole = timm.create_model(model, num_classes=classes).eval()
    save_file(whole.state_dict(), tmp_path / "it.safetensors")
    built = build_timm("timm:x", model, "cpu", tmp_path / "it.safetensors")
    images = torch.randn(2, 3, 160, 160)
    with torch.inference_mode():
        expected = whole.forward_head(whole.forward_features(images), pre_logits=True)
        torch.testing.assert_close(built.forward(images), expected)


def test_a_file_that_lacks_a_tensor_is_refused(
    timm: ModuleType, tmp_path: Path, timm_file: Path
) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(timm_file)
    del tensors["norm.weight"]
    save_file(tensors, tmp_path / "it.safetensors")
    with pytest.raises(EmbedderError, match="cannot be used"):
        load_embedder(f"timm:test_vit/{tmp_path}/it.safetensors", "cpu")


def test_other_weights_are_another_embedder(
    timm: ModuleType, timm_file: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    other, same = tmp_path / "other.safetensors", tmp_path / "same.safetensors"
    same.write_bytes(timm_file.read_bytes())
    tensors = load_file(timm_file)
    tensors["cls_token"] = tensors["cls_token"] + 1
    save_file(tensors, other)
    first, again, changed = (
        load_embedder(f"timm:test_vit/{file}", "cpu").sha256 for file in (timm_file, same, other)
    )
    assert len(first) == 64
    assert first != changed
    assert again == first, "a file is known by its content"


def test_open_clip_loads_a_file_of_weights(open_clip: ModuleType, tmp_path: Path) -> None:
    whole, _, transform = open_clip.create_model_and_transforms("tiny-clip")
    torch.save(whole.state_dict(), tmp_path / "weights.pt")
    network = load_embedder(f"open_clip:tiny-clip/{tmp_path}/weights.pt", "cpu")
    assert isinstance(network, Network)
    expected = library_vectors(whole.eval().encode_image, transform, [picture(50, 40)])
    np.testing.assert_allclose(our_vectors(network, [picture(50, 40)]), expected, atol=2e-5)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("kind", ["timm:test_vit/{}", "open_clip:tiny-clip/{}", "torchscript:{}"])
@pytest.mark.parametrize("wrap", ["torch", "pickle"])
@pytest.mark.parametrize("suffix", [".pt", ".bin", ".pkl", ".safetensors"])
def test_pickled_objects_are_refused_and_never_run(
    timm: ModuleType, open_clip: ModuleType, tmp_path: Path, kind: str, wrap: str, suffix: str
) -> None:
    file, trace = tmp_path / f"weights{suffix}", tmp_path / "it ran"
    if wrap == "torch":
        torch.save({"state_dict": Evil(trace)}, file)
    else:
        file.write_bytes(pickle.dumps(Evil(trace)))
    with pytest.raises(EmbedderError) as told:
        load_embedder(kind.format(file), "cpu")
    assert not trace.exists()
    assert one_sentence(told.value)
    assert not isinstance(told.value, EmbedderUnavailableError)


def one_sentence(error: BaseException) -> bool:
    text = str(error)
    return "\n" not in text and text.endswith(".") and len(text) < 700


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("timm:test_resnet/{}", "cannot be used"),
        ("timm:no_such_net", "knows no model"),
        ("timm:resnet81.a1_in1k", "near it are"),
        ("timm:resnet18.no_such_tag", "knows no model"),
        ("timm:test_vit/missing.safetensors", "are no file"),
        ("timm:test_vit/weights.npz", "end in '.npz'"),
        ("open_clip:ViT-B-23/openai", "near it are"),
        ("open_clip:ViT-B-32/no_such_tag", "neither a file of weights nor a tag"),
        ("open_clip:ViT-B-32/openai", "open_clip:ViT-B-32-quickgelu/openai"),
        ("open_clip:tiny-clip/{}", "cannot be used"),
        ("open_clip:tiny-clip/missing.pt", "are no file"),
        ("open_clip:ViT-B-32", "is no embedder"),
        ("torchscript:missing.pt", "is not there"),
        ("torchscript:{}", "no TorchScript archive"),
        ("file:missing.npy", "cannot be read"),
        ("timm:", "is no embedder"),
        ("dinov2", "is no embedder"),
        ("", "is no embedder"),
        ("builtin:x", "is no embedder"),
    ],
)
def test_a_wrong_name_is_one_sentence(
    timm: ModuleType, open_clip: ModuleType, timm_file: Path, name: str, told: str
) -> None:
    with pytest.raises(EmbedderError) as error:
        load_embedder(name.format(timm_file), "cpu")
    assert told in str(error.value)
    assert one_sentence(error.value)


# TorchScript archives


class Colours(torch.nn.Module):
    """The mean of each channel in each quarter; enough of a network for a convention."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) -> (n, 12)."""
        return torch.nn.functional.adaptive_avg_pool2d(images, [2, 2]).flatten(1) + 0.01


class Map(torch.nn.Module):
    """Returns no vectors."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) -> the same."""
        return images * 2


def archive(network: torch.nn.Module, file: Path, **extra: str) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(network), file, extra)
    return file


@pytest.mark.parametrize(("extra", "size"), [({}, 224), ({"input_size": "48"}, 48)])
def test_torchscript_takes_normalised_pictures_of_its_own_size(
    tmp_path: Path, extra: dict[str, str], size: int
) -> None:
    network = load_embedder(f"torchscript:{archive(Colours(), tmp_path / 'a.pt', **extra)}", "cpu")
    assert isinstance(network, Network)
    assert network.preparation == Preparation(size, size, "short", "bilinear")
    assert network.dimensions == 12
    pixels = picture(size, size)
    shares = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    half = size // 2
    quarters = [
        shares[r : r + half, c : c + half].mean((0, 1)) for r in (0, half) for c in (0, half)
    ]
    expected = np.stack(quarters, 1).ravel() + 0.01
    np.testing.assert_allclose(
        our_vectors(network, [pixels])[0], expected / np.linalg.norm(expected), atol=1e-5
    )


@pytest.mark.parametrize("told", ["0", "many", "-3", "99999", "²", ""])
def test_a_size_that_is_none_is_refused(tmp_path: Path, told: str) -> None:
    file = archive(Colours(), tmp_path / "a.pt", input_size=told)
    with pytest.raises(EmbedderError, match="from 1 to 4,096") as error:
        load_embedder(f"torchscript:{file}", "cpu")
    assert one_sentence(error.value)


def test_an_archive_that_returns_no_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"shape \(1, 3, 32, 32\)"):
        load_embedder(f"torchscript:{archive(Map(), tmp_path / 'a.pt', input_size='32')}", "cpu")


def test_an_archive_that_fails_is_one_sentence(tmp_path: Path) -> None:
    file = archive(torch.nn.Linear(7, 2), tmp_path / "a.pt", input_size="32")
    with pytest.raises(EmbedderError, match=r"fails on a picture of 32 x 32") as error:
        load_embedder(f"torchscript:{file}", "cpu")
    assert one_sentence(error.value)


def test_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    file = archive(Colours(), tmp_path / "a.pt")
    data = bytearray(file.read_bytes())
    at = data.index(b"a/code/__torch__") + 80
    data[at : at + 60] = bytes(60)
    file.write_bytes(data)
    with pytest.raises(EmbedderError) as error:
        load_embedder(f"torchscript:{file}", "cpu")
    assert one_sentence(error.value)


# what is remembered of a network


WITHOUT_TORCH = """
import sys
from pathlib import Path
from labelgate.fixtures.embedders import load_embedder
network = load_embedder(sys.argv[1], "cpu", Path("memory"))
print(network.sha256, network.dimensions, network.preparation)
print(sorted({"torch", "timm", "torchvision"} & set(sys.modules)))
"""


def test_a_second_run_knows_a_network_without_torch(
    tmp_path: Path, python: Python, timm_file: Path
) -> None:
    name = f"timm:test_vit/{timm_file}"
    first = load_embedder(name, "cpu", tmp_path / "memory")
    run = python(tmp_path, "-c", WITHOUT_TORCH, name)
    assert run.stdout.splitlines() == [
        f"{first.sha256} {first.dimensions} {first.preparation}",
        "[]",
    ], run.stderr


def test_a_network_that_is_remembered_encodes_as_before(tmp_path: Path) -> None:
    name = f"torchscript:{archive(Colours(), tmp_path / 'a.pt', input_size='32')}"
    first, again = (load_embedder(name, "cpu", tmp_path / "memory") for _ in range(2))
    assert isinstance(again, Network)
    np.testing.assert_array_equal(
        our_vectors(again, [picture(9, 9)]), our_vectors(first, [picture(9, 9)])
    )


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"library": 1}', "\xff"])
def test_a_damaged_memory_is_made_anew(tmp_path: Path, damage: str) -> None:
    name = f"torchscript:{archive(Colours(), tmp_path / 'a.pt', input_size='32')}"
    first = load_embedder(name, "cpu", tmp_path / "memory")
    (file,) = (tmp_path / "memory").iterdir()
    file.write_bytes(damage.encode("latin-1"))
    assert load_embedder(name, "cpu", tmp_path / "memory").sha256 == first.sha256
    assert len(file.read_bytes()) > 100


def test_a_name_means_the_file_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for folder, size in (("one", "32"), ("two", "40")):
        (tmp_path / folder).mkdir()
        archive(Colours(), tmp_path / folder / "a.pt", input_size=size)
        monkeypatch.chdir(tmp_path / folder)
        found.append(load_embedder("torchscript:a.pt", "cpu", tmp_path / "memory"))
    assert [network.preparation.size for network in found] == [32, 40]


def test_a_changed_file_is_not_what_is_remembered(tmp_path: Path) -> None:
    name = f"torchscript:{archive(Colours(), tmp_path / 'a.pt', input_size='32')}"
    first = load_embedder(name, "cpu", tmp_path / "memory")
    archive(Colours(), tmp_path / "a.pt", input_size="40")
    again = load_embedder(name, "cpu", tmp_path / "memory")
    assert again.preparation.size == 40
    assert again.sha256 != first.sha256


# the hub


HANGING = """
from labelgate.fixtures.embedders import hub
from labelgate.fixtures.errors import EmbedderUnavailableError
hub.TIMEOUT = 0.5
try:
    hub.fetch_weights("timm:resnet18", "timm/resnet18.a1_in1k", ["a.safetensors", "a.bin"])
except EmbedderUnavailableError as error:
    print(error)
"""


@pytest.fixture
def silent_hub() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_hub_that_hangs_is_one_sentence(tmp_path: Path, python: Python, silent_hub: str) -> None:
    variables = {"HF_ENDPOINT": silent_hub, "HF_HOME": f"{tmp_path}/cache"}
    run = python(tmp_path, "-c", HANGING, **variables)
    told = run.stdout.strip()
    prefix = f"The weights of 'timm:resnet18' cannot be had from {silent_hub}"
    assert told.startswith(prefix), run.stderr
    assert "timed out" in told
    assert "(timm:resnet18/FILE)" in told
    assert told.endswith("--embedder=builtin, --predictor=knn.")


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A port that refuses connections is the hub; returns the folder of its cache, empty."""
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    path = constants.HUGGINGFACE_CO_URL_TEMPLATE.partition("{repo_id}")
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{endpoint}/{path[1]}{path[2]}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", ["timm:resnet18.a1_in1k", "open_clip:ViT-B-32-quickgelu/openai"])
def test_a_hub_that_is_not_there_is_one_sentence(
    timm: ModuleType, open_clip: ModuleType, no_hub: Path, name: str
) -> None:
    with pytest.raises(EmbedderUnavailableError, match="Connection refused") as error:
        load_embedder(name, "cpu")
    assert f"'{name}' cannot be had from http://127.0.0.1:" in str(error.value)
    assert one_sentence(error.value)


def test_weights_in_the_cache_need_no_hub(timm: ModuleType, no_hub: Path, timm_file: Path) -> None:
    folder = no_hub / "models--timm--test_vit.r160_in1k"
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    (snapshot / "model.safetensors").write_bytes(timm_file.read_bytes())
    assert load_embedder("timm:test_vit.r160_in1k", "cpu").dimensions == 64


def test_weights_that_are_not_on_the_hub_are_named(timm: ModuleType) -> None:
    models = timm.list_models(pretrained=True)
    elsewhere = next(m for m in models if not timm.get_pretrained_cfg(m).hf_hub_id)
    with pytest.raises(EmbedderUnavailableError, match=r"download https?://"):
        load_embedder(f"timm:{elsewhere}", "cpu")


# the user's own vectors

PATHS = ("a/1.jpg", "a/2.jpg", "b/1.jpg")
ALL = np.arange(3)


def vectors(rows: int = 3, dimensions: int = 4, dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, dimensions)).astype(dtype)


def read_all(file: Path, paths: tuple[str, ...] = PATHS, images: np.ndarray = ALL) -> np.ndarray:
    own = load_vectors_file(f"file:{file}")
    rows = own.rows(paths, images)
    result = np.zeros((len(rows), own.dimensions), np.float16)
    for places, found in own.read(rows):
        result[places] = found
    return result


def unit(array: np.ndarray) -> np.ndarray:
    return array / np.linalg.norm(array.astype("f8"), axis=1, keepdims=True)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
def test_own_vectors_are_scaled_to_unit_length(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "emb.npy", vectors(dtype=dtype))
    found = read_all(tmp_path / "emb.npy")
    np.testing.assert_allclose(found, unit(vectors(dtype=dtype)), atol=1e-3)


def test_a_list_of_paths_says_whose_the_rows_are(tmp_path: Path) -> None:
    np.save(tmp_path / "emb.npy", vectors(4))
    (tmp_path / "emb.txt").write_text("b/1.jpg\na/2.jpg\nnot in the dataset.jpg\na/1.jpg\n")
    found = read_all(tmp_path / "emb.npy")
    np.testing.assert_allclose(found, unit(vectors(4))[[3, 1, 0]], atol=1e-3)


def test_rows_of_images_without_pixels_are_not_looked_at(tmp_path: Path) -> None:
    array = vectors()
    array[1] = np.nan
    np.save(tmp_path / "emb.npy", array)
    assert read_all(tmp_path / "emb.npy", images=np.array([0, 2])).shape == (2, 4)


@settings(max_examples=30, deadline=None)
@given(st.floats(-300, 300))
def test_vectors_of_any_length_become_unit_vectors(exponent: float) -> None:
    from labelgate.fixtures.embedders.vectors_file import VectorsFile

    own = VectorsFile("file:x", vectors(dtype="f8") * 10**exponent, Path("x"), None)
    ((_, found),) = own.read(ALL)
    np.testing.assert_allclose(found, unit(vectors()), atol=1e-3)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (vectors(2), "has 2 rows, the dataset 3 images"),
        (vectors(4), "has 4 rows"),
        (np.vstack([vectors(2), np.full((1, 4), np.nan)]), "Row 2 .* not finite"),
        (np.vstack([vectors(2), [[1, np.inf, 0, 0]]]), "not finite"),
        (np.vstack([np.zeros((1, 4)), vectors(2)]), "Row 0 .* is zero"),
        (vectors().ravel(), r"shape \(12,\)"),
        (vectors()[None], r"shape \(1, 3, 4\)"),
        (vectors(3, 0), r"shape \(3, 0\)"),
        (np.ones((3, 4), np.int64), "type int64"),
        (np.ones((3, 4), np.complex64), "type complex64"),
        (np.array([["a", "b"]] * 3), "type <U1"),
    ],
)
def test_vectors_that_do_not_fit_are_one_sentence(
    tmp_path: Path, array: np.ndarray, told: str
) -> None:
    np.save(tmp_path / "emb.npy", array)
    with pytest.raises(EmbedderError, match=told) as error:
        read_all(tmp_path / "emb.npy")
    assert one_sentence(error.value)


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("a/1.jpg\na/2.jpg\n", "names 2 paths, 'emb.npy' has 3 rows"),
        ("a/1.jpg\na/2.jpg\na/2.jpg\n", "'a/2.jpg' twice"),
        ("a/1.jpg\na/2.jpg\nc/1.jpg\n", "no row for 1 of 3 images, the first of them 'b/1.jpg'"),
        ("a/1.jpg\na/2.jpg\nb/\xff.jpg\n", "must be UTF-8"),
    ],
)
def test_a_list_of_paths_that_does_not_fit_is_one_sentence(
    tmp_path: Path, listed: str, told: str
) -> None:
    np.save(tmp_path / "emb.npy", vectors())
    (tmp_path / "emb.txt").write_bytes(listed.encode("latin-1"))
    with pytest.raises(EmbedderError, match=told) as error:
        read_all(tmp_path / "emb.npy")
    assert one_sentence(error.value)


def test_files_that_are_no_arrays_are_one_sentence(tmp_path: Path) -> None:
    trace = tmp_path / "it ran"
    np.save(tmp_path / "objects.npy", np.array([[Evil(trace)]], object), allow_pickle=True)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Evil(trace)))
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "archive", vectors())
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    np.save(tmp_path / "cut.npy", vectors(1000))
    data = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(data[:500])
    (tmp_path / "zip.npy").write_bytes(b"PK\x03\x04 and no archive")
    for name in ("objects", "pickle", "empty", "archive", "cut", "zip"):
        with pytest.raises(EmbedderError) as error:
            load_embedder(f"file:{tmp_path}/{name}.npy", "cpu")
        assert one_sentence(error.value), name
    assert not trace.exists()


def test_the_identity_of_own_vectors_covers_their_order(tmp_path: Path) -> None:
    np.save(tmp_path / "emb.npy", vectors())
    alone = load_vectors_file(f"file:{tmp_path}/emb.npy").sha256
    (tmp_path / "emb.txt").write_text("\n".join(PATHS))
    listed = load_vectors_file(f"file:{tmp_path}/emb.npy").sha256
    (tmp_path / "emb.txt").write_text("\n".join(reversed(PATHS)))
    assert len({alone, listed, load_vectors_file(f"file:{tmp_path}/emb.npy").sha256}) == 3


# devices


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match=r"--device=cuda was asked for, and torch"):
        choose_device("cuda")


def test_a_device_that_does_not_exist_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match="choose one of auto, cuda, mps, cpu"):
        choose_device("tpu")


def test_the_best_device_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_possible", lambda: True)
    for there, chosen in ((("cuda", "cpu"), "cuda"), (("mps", "cpu"), "mps"), (("cpu",), "cpu")):
        monkeypatch.setattr(devices, "_present", lambda there=there: there)
        assert choose_device("auto") == chosen
        assert choose_device("cpu") == "cpu"
        assert foresee_device("auto") == "auto"  # not asked of torch before the first line
    monkeypatch.setattr(devices, "_possible", lambda: False)
    assert [foresee_device(name) for name in ("auto", "cuda")] == ["cpu", "cuda"]
    monkeypatch.undo()
    assert choose_device("auto") in ("cuda", "mps", "cpu")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="knows Linux's device files")
def test_no_device_file_means_cpu_without_torch(tmp_path: Path, python: Python) -> None:
    code = (
        "import sys\n"
        "from labelgate.fixtures import devices\n"
        "devices._NODES = ()\n"
        "print(devices.choose_device('auto'), 'torch' in sys.modules)"
    )
    assert python(tmp_path, "-c", code).stdout.strip() == "cpu False"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_gives_nearly_the_vectors_of_the_cpu(timm: ModuleType) -> None:
    from labelgate.fixtures.embedders.timm_model import build_timm

    images = torch.from_numpy(np.stack([picture(160, 160, seed) for seed in range(4)]))
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        built = build_timm("timm:test_vit", "test_vit", device, None)
        description = describe("x", "l", "w", built, device)
        network = Network("x", device, description, lambda built=built: built.forward)
        found.append(network.encode(images.to(device)).cpu())
    assert math.isclose(float((found[0] * found[1]).sum(1).min()), 1, abs_tol=1e-2)


# the cure of torchvision


def test_the_cure_declares_nothing_where_torchvision_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelgate.fixtures import torchvision_cure

    monkeypatch.setattr(torchvision_cure, "import_module", lambda name: name)
    before = len(torchvision_cure._declared)
    torchvision_cure.import_torchvision()
    assert len(torchvision_cure._declared) == before


def test_the_cure_is_for_one_illness_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelgate.fixtures import torchvision_cure

    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::roi_align does not exist")

    monkeypatch.setattr(torchvision_cure, "import_module", fail)
    with pytest.raises(RuntimeError, match="roi_align"):
        torchvision_cure.import_torchvision()


def test_torchvision_is_imported_twice_without_harm() -> None:
    from labelgate.fixtures.torchvision_cure import import_torchvision

    import_torchvision()
    import_torchvision()
    from torchvision.transforms import functional

    assert functional.get_dimensions(torch.zeros(3, 4, 5)) == [3, 4, 5]
