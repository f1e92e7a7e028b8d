"""Weights from a hub that hangs, is not there, or does not have them."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest
from random_networks import one_sentence

from labelgate.fixtures.embedders import load_embedder
from labelgate.fixtures.errors import EmbedderUnavailableError

Python = Callable[..., "CompletedProcess[str]"]

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
