"""Libraries of networks and a file of weights, as fixtures of every module that needs them."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TINY_CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="module")
def timm_file(timm: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of `test_vit` as timm's own training would leave them, classifier included."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    file = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), file)
    return file


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
