"""Weights from files, and names that are wrong: one sentence, and no pickle is ever run."""

import pickle
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from random_networks import (
    Colours,
    Evil,
    archive,
    library_vectors,
    one_sentence,
    our_vectors,
    picture,
)

from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.embedders.network import Network
from labelgate.fixtures.errors import EmbedderError, EmbedderUnavailableError

torch = pytest.importorskip("torch")


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


@pytest.mark.parametrize("kind", ["timm:test_vit/{}", "open_clip:tiny-clip/{}"])
@pytest.mark.parametrize("way", ["packed", "repeated"])
def test_a_small_file_that_stands_for_much_memory_is_refused(
    timm: ModuleType, open_clip: ModuleType, tmp_path: Path, kind: str, way: str
) -> None:
    whole, file = tmp_path / "whole.pt", tmp_path / "weights.pt"
    numbers = torch.zeros(10**6) if way == "packed" else torch.zeros(1).expand(10**12)
    torch.save({"state_dict": {"head.weight": numbers}}, whole)
    mode = zipfile.ZIP_DEFLATED if way == "packed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(file, "w", mode) as new:
        for member in old.namelist():
            new.writestr(member, old.read(member))
    told = "when they are unpacked" if way == "packed" else "numbers of head.weight stand in"
    with pytest.raises(EmbedderError, match=told) as error:
        load_embedder(kind.format(file), "cpu")
    assert one_sentence(error.value)


@pytest.mark.parametrize("end", ["/constants.pkl", "/extra/input_size"])
def test_a_damaged_archive_is_one_sentence(tmp_path: Path, end: str) -> None:
    file = archive(Colours(), tmp_path / "net.pt", input_size="32")
    data = bytearray(file.read_bytes())
    place = data.rindex(b"PK\3\4", 0, data.index(end.encode()))
    data[place : place + 4] = bytes(4)
    file.write_bytes(data)
    with pytest.raises(EmbedderError) as error:
        load_embedder(f"torchscript:{file}", "cpu")
    assert one_sentence(error.value)


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
