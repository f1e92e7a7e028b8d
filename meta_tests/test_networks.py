"""Networks by name: the vectors of real architectures with random weights are the libraries'."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from network_fixtures import TINY_CLIP
from random_networks import library_vectors, our_vectors, picture

from labelgate.fixtures.embedders.network import Network, describe
from labelgate.fixtures.embedders.preparation import Preparation
from labelgate.fixtures.errors import EmbedderError

torch = pytest.importorskip("torch")


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
